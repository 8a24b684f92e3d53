"""A blurred picture is sharpened by gradient descent, once by FFT and once by a filter.

Changed: ``from scipy.ndimage import gaussian_filter``.
"""

import numpy as np

import chainrule as gd
from chainrule.scipy.ndimage import gaussian_filter


def blurred_by_fft(image, transfer):
    return np.fft.irfft2(np.fft.rfft2(image) * transfer, image.shape)


def blurred_by_filter(image, sigma):
    return gaussian_filter(image, sigma, mode="wrap")


def roughness(image):
    across = image - np.roll(image, 1, axis=1)
    down = image - np.roll(image, 1, axis=0)
    return np.sum(across**2) + np.sum(down**2)


def misfit(image, seen, blur, setting):
    return np.sum((blur(image, setting) - seen) ** 2) + 1e-4 * roughness(image)


def problem():
    seen = blurred_by_filter(np.eye(32), 1.5)
    return lambda image: misfit(image, seen, blurred_by_filter, 1.5), np.ones((32, 32))


def main():
    n = 32
    truth = np.zeros((n, n))
    truth[8:20, 10:24] = 1.0
    frequency = np.fft.fftfreq(n)[:, None] ** 2 + np.fft.rfftfreq(n)[None] ** 2
    blurs = {
        "fft": (blurred_by_fft, np.exp(-2.0 * (np.pi * 1.5) ** 2 * frequency)),
        "filter": (blurred_by_filter, 1.5),
    }
    errors = {}
    for name, (blur, setting) in blurs.items():
        seen = blur(truth, setting)
        slope = gd.compile(
            gd.grad(lambda image, b=blur, s=setting, z=seen: misfit(image, z, b, s))
        )
        image, speed = seen.copy(), np.zeros((n, n))
        for _ in range(200):
            speed = 0.9 * speed - 0.2 * slope(image)
            image = image + speed
        errors[name] = np.sqrt(np.mean((image - truth) ** 2))
        before = np.sqrt(np.mean((seen - truth) ** 2))
        print(f"{name:6} error {before:.4f} before, {errors[name]:.4f} after")
    return errors


if __name__ == "__main__":
    main()
