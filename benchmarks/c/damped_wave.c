/* Value and gradient of damped_wave in workloads/kinds/columns.py.
 * arrays: amplitude, rate, frequency, phase (one number each), t, measured. */
#include <math.h>

enum { BLOCK = 512 };

double value_and_gradient(const double *const *arrays, const long *sizes,
                          double *const *gradients)
{
    const double a = *arrays[0], rate = *arrays[1];
    const double frequency = *arrays[2], phase = *arrays[3];
    double value = 0, da = 0, drate = 0, dfrequency = 0, dphase = 0;

    for (long from = 0; from < sizes[4]; from += BLOCK) {
        const double *restrict t = arrays[4] + from;
        const double *restrict measured = arrays[5] + from;
        const long left = sizes[4] - from, n = left < BLOCK ? left : BLOCK;
        double cosine[BLOCK], sine[BLOCK];

        /* Side by side the two would become sincos, which has no vector form. */
        for (long i = 0; i < n; i++)
            cosine[i] = cos(frequency * t[i] + phase);
        for (long i = 0; i < n; i++)
            sine[i] = sin(frequency * t[i] + phase);
        for (long i = 0; i < n; i++) {
            double decay = exp(-rate * t[i]);
            double unit = decay * cosine[i], slope = -a * decay * sine[i];
            double error = a * unit - measured[i];
            value += error * error;
            da += error * unit;
            drate -= error * a * unit * t[i];
            dfrequency += error * slope * t[i];
            dphase += error * slope;
        }
    }
    *gradients[0] = 2 * da;
    *gradients[1] = 2 * drate;
    *gradients[2] = 2 * dfrequency;
    *gradients[3] = 2 * dphase;
    return value;
}
