"""What a compiled function tells of itself: `function.py` has the methods, which every `Function` inherits.

`dumps.py` has their texts, `cost.py` what a call computes and moves, `explain.py` the card of each scan; `watching/`
prints, traces and checks for NaN; `report/` is all of it as a page; `shrinking.py` makes IR that fails smaller.
"""
