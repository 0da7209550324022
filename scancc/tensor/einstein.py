"""Sums of products in Einstein's notation."""

from __future__ import annotations

from functools import reduce
from string import ascii_letters

from scancc.frontend.graph.constants import as_tensor_variable, constant_int
from scancc.frontend.graph.dims import dim, dimshuffle, same_scalar
from scancc.frontend.graph.variables import Variable
from scancc.frontend.ops import reduction
from scancc.frontend.ops.axes import reshape
from scancc.frontend.ops.control import check
from scancc.frontend.ops.diagonals import diagonal
from scancc.frontend.ops.products import batched_tensordot
from scancc.frontend.ops.scalars import eq, mul

Term = tuple[str, Variable]  # the letter of each axis


def einsum(subscripts: str, *operands: object) -> Variable:
    """NumPy's `einsum`: 'ij,jk->ik' is a product of matrices; '...' stands for any axes. Operands are joined from
    left to right; letters that no later operand and no result has are summed at once, as products of matrices.

    ValueError for letters that do not fit the operands, and where lengths do not agree.
    """
    variables = [as_tensor_variable(v) for v in operands]
    inputs, output = _parsed(subscripts, variables)
    variables = _agreeing(subscripts, inputs, variables)
    terms = [_without_repeats(letters, v) for letters, v in zip(inputs, variables, strict=True)]
    terms = [_summed(term, _later(terms[:i] + terms[i + 1:], output)) for i, term in enumerate(terms)]
    letters, result = reduce(
        lambda done, i: _joined(done, terms[i], _later(terms[i + 1:], output)), range(1, len(terms)), terms[0])
    return dimshuffle(result, tuple(letters.index(letter) for letter in output))


def _later(terms: list[Term], output: str) -> set[str]:
    return set(output).union(*(letters for letters, _ in terms))


def _parsed(subscripts: str, operands: list[Variable]) -> tuple[list[str], str]:
    if not isinstance(subscripts, str):
        raise TypeError(f"einsum: {subscripts!r} are no subscripts; write einsum('ij,jk->ik', a, b)")
    left, arrow, right = subscripts.replace(" ", "").partition("->")
    inputs = left.split(",")
    if len(inputs) != len(operands):
        raise ValueError(f"einsum: {subscripts!r} has {len(inputs)} terms, and {len(operands)} operands are given")
    free = [c for c in ascii_letters if c not in subscripts]
    ranks = [v.ndim - len(term.replace("...", "")) for term, v in zip(inputs, operands, strict=True)]
    widest = "".join(free[: max([0, *(n for n, term in zip(ranks, inputs, strict=True) if "..." in term)])])
    inputs = [_spelt_out(subscripts, term, n, widest, v)
              for term, n, v in zip(inputs, ranks, operands, strict=True)]
    once = "".join(sorted(c for c in set("".join(inputs)) - set(widest) if "".join(inputs).count(c) == 1))
    output = right.replace("...", widest) if arrow else widest + once
    _check_output(subscripts, inputs, output)
    return inputs, output


def _spelt_out(subscripts: str, term: str, rank: int, widest: str, operand: Variable) -> str:
    if term.count("...") > 1:
        raise ValueError(f"einsum: the term {term!r} of {subscripts!r} has several '...'; write it once")
    if rank < 0 or (rank > 0 and "..." not in term):
        raise ValueError(
            f"einsum: the term {term!r} of {subscripts!r} is not of {operand.ndim} axes, those of {operand!r}; give "
            "each axis a letter, or write '...'"
        )
    letters = term.replace("...", widest[len(widest) - rank:] if rank else "")
    if not all(c in ascii_letters for c in letters):
        raise ValueError(f"einsum: the term {term!r} of {subscripts!r} is not made of letters")
    return letters


def _check_output(subscripts: str, inputs: list[str], output: str) -> None:
    if len(set(output)) != len(output) or not set(output) <= set("".join(inputs)):
        raise ValueError(f"einsum: each letter after '->' in {subscripts!r} must stand once, and in a term")


def _agreeing(subscripts: str, inputs: list[str], operands: list[Variable]) -> list[Variable]:
    """The operands, checked to have one length where they have one letter (or the length 1, which stretches)."""
    checked = list(operands)
    lengths: dict[str, Variable] = {}
    for place, letters in enumerate(inputs):
        for axis, letter in enumerate(letters):
            n = dim(operands[place], axis)
            before = lengths.setdefault(letter, n)
            if 1 not in (constant_int(n), constant_int(before)) and not same_scalar(n, before):
                what = f"einsum: the letter {letter!r} of {subscripts!r}"
                checked[place] = _of_one_length(what, checked[place], before, n)
    return checked


def _of_one_length(what: str, x: Variable, before: Variable, n: Variable) -> Variable:
    """`x` where two lengths agree: told when the graph is built, or checked when it runs."""
    message = f"{what} has lengths {{}} and {{}}; they must be equal"
    known = constant_int(before), constant_int(n)
    if None not in known:
        raise ValueError(message.format(*known))
    return check(ValueError, message, x, eq(before, n), before, n)


def _without_repeats(letters: str, x: Variable) -> Term:
    """The diagonal over axes of the same letter."""
    for letter in dict.fromkeys(letters):
        while letters.count(letter) > 1:
            first = letters.index(letter)
            second = letters.index(letter, first + 1)
            x = diagonal(x, axis1=first, axis2=second)  # which becomes the last axis
            letters = "".join(c for i, c in enumerate(letters) if i not in (first, second)) + letter
    return letters, x


def _summed(term: Term, needed: set[str]) -> Term:
    """Letters that nothing else has are summed."""
    letters, x = term
    axes = [i for i, letter in enumerate(letters) if letter not in needed]
    if not axes:
        return term
    return "".join(letter for letter in letters if letter in needed), reduction.sum(x, axis=axes, dtype=x.dtype)


def _joined(one: Term, other: Term, needed: set[str]) -> Term:
    """The product of two terms, summed over letters that only they have."""
    (a, x), (b, y) = one, other
    both = [c for c in a if c in b]
    summed = [c for c in both if c not in needed]
    if not summed:
        every = a + "".join(c for c in b if c not in a)
        return every, mul(*(_spread(letters, v, every) for letters, v in (one, other)))
    batch = [c for c in both if c in needed]
    rows, columns = [c for c in a if c not in both], [c for c in b if c not in both]
    left = dimshuffle(x, tuple(a.index(c) for c in batch + rows + summed))
    right = dimshuffle(y, tuple(b.index(c) for c in batch + summed + columns))
    n = len(batch)
    left, right = (_one_batch(v, n) for v in (left, right))
    axes = [[1 + len(rows) + i for i in range(len(summed))], [1 + i for i in range(len(summed))]]
    product = batched_tensordot(left, right, axes)
    lengths = [dim(x, a.index(c)) for c in batch] + [dim(product, 1 + i) for i in range(len(rows) + len(columns))]
    return "".join(batch + rows + columns), reshape(product, lengths, ndim=len(lengths))


def _one_batch(x: Variable, n: int) -> Variable:
    """The first n axes as one, of length 1 where n is 0."""
    lengths = [dim(x, i) for i in range(x.ndim)]
    count = reduce(mul, lengths[:n]) if n else as_tensor_variable(1)
    return reshape(x, [count, *lengths[n:]], ndim=1 + x.ndim - n)


def _spread(letters: str, x: Variable, every: str) -> Variable:
    return dimshuffle(x, tuple(letters.index(c) if c in letters else "x" for c in every))
