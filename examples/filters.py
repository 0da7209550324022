"""Recurrences of signal processing and finance: one step each, written as in the textbook."""

import scancc as sc
import scancc.tensor as T

# Exponential moving average.
x = T.vector("x")
alpha = T.scalar("alpha")
means, _ = sc.scan(lambda x_t, mean, alpha: mean + alpha * (x_t - mean), sequences=x,
                   outputs_info=T.constant(0.0), non_sequences=alpha)
ema = sc.function([x, alpha], means, name="ema")

# A biquad filter in direct form I: two taps into the input's past, two into the output's.
b, a = T.vector("b"), T.vector("a")
filtered, _ = sc.scan(
    lambda x_t, x_tm1, x_tm2, y_tm1, y_tm2, b, a:
        b[0] * x_t + b[1] * x_tm1 + b[2] * x_tm2 - a[0] * y_tm1 - a[1] * y_tm2,
    sequences=dict(input=T.concatenate([T.zeros(2), x]), taps=[0, -1, -2]),
    outputs_info=dict(initial=T.zeros(2), taps=[-1, -2]), non_sequences=[b, a])
biquad = sc.function([x, b, a], filtered, name="biquad")

# GARCH(1, 1): the variance of each return, and the log-likelihood of all.
omega, arch, garch = T.scalars("omega", "arch", "garch")
variances, _ = sc.scan(lambda r, v, omega, arch, garch: omega + arch * r ** 2 + garch * v,
                       sequences=x, outputs_info=omega / (1 - arch - garch), non_sequences=[omega, arch, garch])
likelihood = sc.function([x, omega, arch, garch], -0.5 * (T.log(variances[:-1]) + x[1:] ** 2 / variances[:-1]).sum(),
                         name="garch_likelihood")

if __name__ == "__main__":
    print(ema([1, 2, 3, 4], 0.5))
    print(biquad([1, 0, 0, 0, 0], [0.2, 0.3, 0.2], [-0.5, 0.2]))
    print(likelihood([0.1, -0.2, 0.3, 0.1], 0.01, 0.1, 0.8))
