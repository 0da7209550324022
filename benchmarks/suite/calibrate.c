/* What one core does, measured: each function does `n` of something; calibrate.py times it. */

#define CHAIN(name, update)                              \
    REAL name(long n, REAL a, REAL b) {                  \
        REAL s = a;                                      \
        for (long i = 0; i < n; i++) update;             \
        return s;                                        \
    }
#define EACH(name, value)                                                                 \
    void name(const REAL *restrict x, REAL *restrict y, long m, long n) {                 \
        for (long t = 0; t < n; t++) {                                                    \
            for (long i = 0; i < m; i++) y[i] = value;                                    \
            __asm__ volatile("" : : "r"(y) : "memory");                                   \
        }                                                                                 \
    }

long chain_clock(long n, REAL a, REAL b) {
    long s = n;
    for (long i = 0; i < n; i += 16) {
#define STEP s += n; __asm__ volatile("" : "+r"(s));
        STEP STEP STEP STEP STEP STEP STEP STEP STEP STEP STEP STEP STEP STEP STEP STEP
    }
    return s;
}
CHAIN(chain_add, s = s + b)
CHAIN(chain_mul, s = s * b)
CHAIN(chain_fma, s = s * b + a)
CHAIN(chain_div, s = b / s)
CHAIN(chain_sqrt, s = sqrt(s))
CHAIN(chain_exp, s = exp(-s))
CHAIN(chain_log, s = log(s + R(3)))
CHAIN(chain_tanh, s = tanh(s))
REAL chain_min(long n, REAL a, REAL b) {
    REAL x[8], s = a;
    for (int i = 0; i < 8; i++) x[i] = b + (REAL)i;
    __asm__ volatile("" : : "r"(x) : "memory");
    for (long i = 0; i < n; i++) s = s < x[i & 7] ? s : x[i & 7];
    return s;
}

EACH(each_div, R(1) / x[i])
EACH(each_sqrt, sqrt(x[i]))
EACH(each_exp, exp(x[i]))
EACH(each_log, log(x[i]))
EACH(each_tanh, tanh(x[i]))

/* Twelve vectors of multiply-adds in flight. */
REAL peak_fma(long n, REAL a, REAL b) {
    vec s[12], va = a - (vec){0}, vb = b - (vec){0};
    for (int j = 0; j < 12; j++) s[j] = va * (REAL)j;
    for (long i = 0; i < n; i++)
        for (int j = 0; j < 12; j++) s[j] = s[j] * vb + va;
    for (int j = 1; j < 12; j++) s[0] += s[j];
    return s[0][0];
}

REAL read_all(const REAL *x, long m, long n) {
    vec s[8] = {{0}};
    for (long t = 0; t < n; t++)
        for (long i = 0; i + 8 * LANES <= m; i += 8 * LANES)
            for (int j = 0; j < 8; j++) s[j] += *(const vec *)(x + i + j * LANES);
    for (int j = 1; j < 8; j++) s[0] += s[j];
    return s[0][0];
}
void copy_all(const REAL *x, REAL *y, long m, long n) {
    for (long t = 0; t < n; t++) { memcpy(y, x, m * sizeof(REAL)); __asm__ volatile("" : : "r"(y) : "memory"); }
}
void fill_all(REAL *y, long m, long n) {
    for (long t = 0; t < n; t++) { memset(y, (int)t, m * sizeof(REAL)); __asm__ volatile("" : : "r"(y) : "memory"); }
}
void nothing(void) {}
