"""A**k, element by element: the first program of scan's tutorial."""

import scancc as sc
import scancc.tensor as T

k = T.iscalar("k")
A = T.vector("A")

result, updates = sc.scan(fn=lambda prior_result, A: prior_result * A, outputs_info=T.ones_like(A),
                          non_sequences=A, n_steps=k)

# scan provides A**1 to A**k; only the last is wanted, and only that is kept in memory.
power = sc.function([A, k], result[-1], updates=updates, name="power")

if __name__ == "__main__":
    print(power([1, 2, 3, 4], 3))
