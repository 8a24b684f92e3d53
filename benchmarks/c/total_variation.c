/* Value and gradient of total_variation in workloads/kinds/neighbours.py.
 * arrays: x, noisy. */
#include <math.h>

double value_and_gradient(const double *const *arrays, const long *sizes,
                          double *const *gradients)
{
    const double *restrict x = arrays[0], *restrict noisy = arrays[1];
    double *restrict dx = gradients[0];
    const long n = sizes[0];
    double error = 0, size = 0;

    /* Each jump twice, so that no entry waits for its neighbour's. */
    for (long i = 1; i < n - 1; i++) {
        double difference = x[i] - noisy[i];
        double behind = x[i] - x[i - 1], ahead = x[i + 1] - x[i];
        double root = sqrt(ahead * ahead + 1e-3);
        error += difference * difference;
        size += root;
        dx[i] = 2 * difference
                + 0.5 * (behind / sqrt(behind * behind + 1e-3) - ahead / root);
    }
    double first = x[1] - x[0], last = x[n - 1] - x[n - 2];
    double start = x[0] - noisy[0], end = x[n - 1] - noisy[n - 1];
    double root = sqrt(first * first + 1e-3);
    dx[0] = 2 * start - 0.5 * first / root;
    dx[n - 1] = 2 * end + 0.5 * last / sqrt(last * last + 1e-3);
    return error + start * start + end * end + 0.5 * (size + root);
}
