"""Rules of complex numbers: real, imag, conj, angle."""
