"""Powers of two below a limit: the loop decides when it ends."""

import scancc as sc
import scancc.tensor as T

max_value = T.scalar("max_value")
values, _ = sc.scan(lambda previous, limit: (previous * 2, sc.until(previous * 2 > limit)),
                    outputs_info=T.constant(1.0), non_sequences=max_value, n_steps=1024)
powers_of_two = sc.function([max_value], values, name="powers_of_two")

if __name__ == "__main__":
    print(powers_of_two(45))
