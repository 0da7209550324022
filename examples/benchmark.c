/* A small benchmark that links a scan compiled ahead of time: A**k of n numbers, last step
 * only. Prints the seconds of the fastest of 20 calls, and the sum of the result; then the
 * same of two loops in C.
 *
 *   cc -O3 -march=native -Ibuild examples/benchmark.c build/power.a -lm -o build/benchmark
 *   build/benchmark 1000000 64
 */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 199309L
#endif
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "power.h"

struct problem {
    int64_t n;
    int32_t k;
    double *A, *result;
    void *workspace;
    int64_t workspace_nbytes;
};

static int linked(const struct problem *p)
{
    return power(p->A, p->n, 1, p->k, p->result, 1, p->workspace, p->workspace_nbytes);
}

static int by_hand(const struct problem *p)
{
    for (int64_t i = 0; i < p->n; i++) {
        double product = 1;
        for (int32_t t = 0; t < p->k; t++)
            product *= p->A[i];
        p->result[i] = product;
    }
    return 0;
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + 1e-9 * t.tv_nsec;
}

static int measure(int (*run)(const struct problem *), const struct problem *p)
{
    double best_s = 1e9, sum = 0;
    for (int round = 0; round < 20; round++) {
        const double start_s = now_s();
        if (run(p) != 0)
            return EXIT_FAILURE;
        const double time_s = now_s() - start_s;
        if (time_s < best_s)
            best_s = time_s;
    }
    for (int64_t i = 0; i < p->n; i++)
        sum += p->result[i];
    printf("%.9g %.17g\n", best_s, sum);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct problem p = {.n = argc > 1 ? atoll(argv[1]) : 1000000,
                        .k = argc > 2 ? atoi(argv[2]) : 64};
    p.A = malloc(sizeof *p.A * p.n);
    p.result = malloc(sizeof *p.result * p.n);
    if (p.A == NULL || p.result == NULL)
        return EXIT_FAILURE;
    for (int64_t i = 0; i < p.n; i++)
        p.A[i] = 0.5 + (double)i / p.n;
    if (power_query(p.A, p.n, 1, p.k, NULL, &p.workspace_nbytes, NULL) != 0)
        return EXIT_FAILURE;
    p.workspace = malloc(p.workspace_nbytes > 0 ? p.workspace_nbytes : 1);

    const int failed = measure(linked, &p) || measure(by_hand, &p);
    free(p.workspace);
    free(p.result);
    free(p.A);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
