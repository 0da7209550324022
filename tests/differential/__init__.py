"""Random programs of the public API: native code against the reference, and IR after every pass.

`terms` and `writer` write programs as Python text (a Hypothesis strategy), `program` runs such text,
`compare` says whether two executions agree, `campaign` runs as many as one likes.
"""
