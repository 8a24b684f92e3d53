/* Value and gradient of heat in workloads/kinds/simulations.py; STEPS is its option.
 * arrays: start, conductivity, measured. Every step's temperatures are kept. */
#include <stdlib.h>
#include <string.h>

double value_and_gradient(const double *const *arrays, const long *sizes,
                          double *const *gradients)
{
    const double *restrict k = arrays[1], *restrict measured = arrays[2];
    double *restrict du = gradients[0], *restrict dk = gradients[1];
    const long n = sizes[0];
    double *kept = malloc(((STEPS + 1) * n + n + 1) * sizeof(double));
    double *restrict flux = kept + (STEPS + 1) * n;
    double value = 0;

    memcpy(kept, arrays[0], n * sizeof(double));
    flux[0] = flux[n] = 0;
    for (long s = 0; s < STEPS; s++) {
        const double *restrict u = kept + s * n;
        double *restrict next = kept + (s + 1) * n;
        for (long i = 1; i < n; i++)
            flux[i] = k[i - 1] * (u[i] - u[i - 1]);
        for (long i = 0; i < n; i++)
            next[i] = u[i] + 0.4 * (flux[i + 1] - flux[i]);
    }
    for (long i = 0; i < n; i++) {
        double error = kept[STEPS * n + i] - measured[i];
        value += error * error;
        du[i] = 2 * error;
    }
    memset(dk, 0, (n - 1) * sizeof(double));
    for (long s = STEPS - 1; s >= 0; s--) {
        const double *restrict u = kept + s * n;
        for (long i = 1; i < n; i++) {
            double dflux = 0.4 * (du[i - 1] - du[i]);
            dk[i - 1] += dflux * (u[i] - u[i - 1]);
            flux[i] = dflux * k[i - 1];
        }
        for (long i = 0; i < n; i++)
            du[i] += flux[i] - flux[i + 1];
    }
    free(kept);
    return value;
}
