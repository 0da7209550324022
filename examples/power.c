/* Calls a scan that scancc compiled ahead of time:
 *
 *   scancc build examples/power.py:power -o build
 *   cc -Ibuild examples/power.c build/power.a -lm -o build/power && build/power
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "power.h"

int main(void)
{
    const double A[] = {1, 2, 3, 4};
    const int64_t n = sizeof A / sizeof A[0];
    const int32_t k = 3;

    /* How large is the result, and how much workspace does the call need? */
    int64_t result_n0, workspace_nbytes, staging_nbytes;
    int32_t status = power_query(A, n, 1, k, &result_n0, &workspace_nbytes, &staging_nbytes);
    if (status != 0) {
        fprintf(stderr, "power_query: %s\n", power_error(status));
        return EXIT_FAILURE;
    }

    double *result = malloc(sizeof *result * result_n0);
    void *workspace = malloc(workspace_nbytes > 0 ? workspace_nbytes : 1);
    if (result == NULL || workspace == NULL)
        return EXIT_FAILURE;
    status = power(A, n, 1, k, result, 1, workspace, workspace_nbytes);
    if (status != 0) {
        fprintf(stderr, "power: %s\n", power_error(status));
        return EXIT_FAILURE;
    }
    for (int64_t i = 0; i < result_n0; i++)
        printf("%g ** %" PRId32 " = %g\n", A[i], k, result[i]);
    free(workspace);
    free(result);
    return EXIT_SUCCESS;
}
