"""Native code that is watched: prints, values of chosen steps, and where a value stops being finite.

What is watched becomes more outputs of the program, or checks in it (`probes.py`, `guards.py`), which are compiled as
any others are.
"""
