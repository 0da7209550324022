/* A small benchmark that links a scan compiled ahead of time: A**k of n numbers, last step only.
 * Prints the seconds of the fastest of 20 calls, and the sum of the result.
 *
 *   cc -O2 -Ibuild examples/benchmark.c build/power.a -lm -o build/benchmark && build/benchmark 1000000 64
 */
#define _POSIX_C_SOURCE 199309L
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "power.h"

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + 1e-9 * t.tv_nsec;
}

int main(int argc, char **argv)
{
    const int64_t n = argc > 1 ? atoll(argv[1]) : 1000000;
    const int32_t k = argc > 2 ? atoi(argv[2]) : 64;
    int64_t workspace_nbytes;
    double *A = malloc(sizeof *A * n), *result = malloc(sizeof *result * n);
    if (A == NULL || result == NULL)
        return EXIT_FAILURE;
    for (int64_t i = 0; i < n; i++)
        A[i] = 0.5 + (double)i / n;
    if (power_query(A, n, 1, k, NULL, &workspace_nbytes, NULL) != 0)
        return EXIT_FAILURE;
    void *workspace = malloc(workspace_nbytes > 0 ? workspace_nbytes : 1);

    double best_s = 1e9, sum = 0;
    for (int run = 0; run < 20; run++) {
        const double start_s = now_s();
        if (power(A, n, 1, k, result, 1, workspace, workspace_nbytes) != 0)
            return EXIT_FAILURE;
        const double time_s = now_s() - start_s;
        if (time_s < best_s)
            best_s = time_s;
    }
    for (int64_t i = 0; i < n; i++)
        sum += result[i];
    printf("%.9g %.17g\n", best_s, sum);
    free(workspace);
    free(result);
    free(A);
    return EXIT_SUCCESS;
}
