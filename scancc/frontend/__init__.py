"""The graph of symbolic variables, in storeys, each of which stands on those below.

`graph` (variables), `ops` (what is applied to them), `loops` (`scan`), `program` (what `function` compiles); on
these `gradients`, `lowering` to scan IR, and `random` streams.
"""

from scancc.frontend.ops import operators as _operators  # noqa: F401 - whoever has variables has their operators
