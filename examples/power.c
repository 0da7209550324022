/* Calls a scan that scancc compiled ahead of time:
 *
 *   scancc build examples/power.py:power -o build
 *   cc -Ibuild examples/power.c build/power.a -lm -o build/power && build/power
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "power.h"

/* The text of a status, without the numbers in it: the struct of a short call has them
 * (power_call). */
static const char *text_of(int32_t status)
{
    static char text[200];
    power_error(status, NULL, text, sizeof text);
    return text;
}

int main(void)
{
    const double A[] = {1, -1, 2, -1, 3, -1, 4, -1};
    const int64_t n = 4, stride = 2; /* every second number */
    const int32_t k = 3;

    /* How large is the result, and how much workspace does the call need? */
    int64_t result_n0, workspace_nbytes, staging_nbytes;
    int32_t status = power_query(A, n, stride, k, &result_n0, &workspace_nbytes,
                                 &staging_nbytes);
    if (status != 0) {
        fprintf(stderr, "power_query: %s\n", text_of(status));
        return EXIT_FAILURE;
    }

    double *result = malloc(sizeof *result * (size_t)result_n0);
    void *workspace = malloc(workspace_nbytes > 0 ? (size_t)workspace_nbytes : 1);
    if (result == NULL || workspace == NULL)
        return EXIT_FAILURE;
    status = power(A, n, stride, k, result, 1, workspace, workspace_nbytes);
    if (status != 0) {
        fprintf(stderr, "power: %s\n", text_of(status));
        return EXIT_FAILURE;
    }
    for (int64_t i = 0; i < result_n0; i++)
        printf("%g ** %" PRId32 " = %g\n", A[i * stride], k, result[i]);

    /* What the program itself refuses is a status too, and leaves the result as it was. */
    status = power(A, n, stride, -1, result, 1, workspace, workspace_nbytes);
    printf("k = -1: %s\n", text_of(status));
    const int correct = status > 0 && result[0] == 1 && result[3] == 64;
    free(workspace);
    free(result);
    return correct ? EXIT_SUCCESS : EXIT_FAILURE;
}
