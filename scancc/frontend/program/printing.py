"""Graphs as text for people: `debugprint`, a tree with shared parts named, and `pprint`, a formula.
`Print` shows values."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

import numpy as np

from scancc.frontend.graph.constants import as_tensor_variable
from scancc.frontend.graph.dims import DimShuffle, ShapeI
from scancc.frontend.graph.options import flag, one_of, whole
from scancc.frontend.graph.variables import Apply, Variable, applies
from scancc.frontend.loops.scan_op import Scan
from scancc.frontend.ops.control import Show
from scancc.frontend.ops.elementwise import Cast, Elemwise
from scancc.frontend.ops.products import Dot
from scancc.frontend.ops.reduction import Reduce
from scancc.frontend.ops.subtensor import Subtensor
from scancc.process import deep_recursion

__all__ = ["Print", "debugprint", "pp", "pprint", "pydotprint"]


def __dir__() -> list[str]:
    return __all__


# ---- debugprint ----


def debugprint(obj: Any, depth: int = -1, print_type: bool = False, file: str | TextIO | None = None,
               ids: str = "CHAR", stop_on_name: bool = False, done: Any = None, **unused: Any) -> str | None:
    """Print the graph of variables (or of a compiled function) as a tree; scans' steps follow it.

    depth: how many levels, -1 for all. print_type: types beside values. file: 'str' returns the text.
    ids: 'CHAR' letters, 'int' numbers, '' none. stop_on_name: do not go into named variables.
    """
    one_of("debugprint: ids", ids, ("CHAR", "int", "id", "auto", ""))
    if isinstance(file, str):
        one_of("debugprint: file", file, ("str",))
    tree = _Tree(whole("debugprint: depth", depth), flag("debugprint: print_type", print_type), ids,
                 flag("debugprint: stop_on_name", stop_on_name))
    with deep_recursion():
        for variable in _variables(obj):
            tree.add(variable)
        text = tree.text()
    if file == "str":
        return text
    print(text, end="", file=file if file is not None and not isinstance(file, str) else sys.stdout)
    return None


def _variables(obj: Any, who: str = "debugprint") -> list[Variable]:
    if isinstance(obj, Variable):
        return [obj]
    program = getattr(obj, "program", None)
    if program is not None:
        return list(program.results)
    if isinstance(obj, Iterable) and not isinstance(obj, str | bytes):
        return [v for item in obj for v in _variables(item, who)]
    raise TypeError(f"{who} shows variables and compiled functions, not a {type(obj).__name__}")


class Print:
    """`Print("x")(x)` is x, and prints it each time that it is computed; native code prints when a call is done, with
    the step. attrs: names of attributes of the array, methods among them, to print; `global_fn` has no effect."""

    def __init__(self, message: str = "", attrs: Sequence[str] = ("__str__",), global_fn: Any = None) -> None:
        missing = [a for a in attrs if not hasattr(np.ndarray, a)] if isinstance(attrs, list | tuple) else [attrs]
        if missing:
            raise ValueError(f"Print: {missing[0]!r} is no attribute of an array; attrs is a list of their names")
        if not isinstance(message, str):
            raise TypeError(f"Print: message is {message!r}; give a string, and the variable to what it makes: "
                            "Print('x')(x)")
        self.message, self.attrs = message, tuple(attrs)

    def __call__(self, x: Any) -> Variable:
        return Show(self.message, self.attrs)(as_tensor_variable(x))


class _Tree:
    def __init__(self, depth: int, types: bool, ids: str, stop_on_name: bool) -> None:
        self.depth, self.types, self.ids, self.stop_on_name = depth, types, ids, stop_on_name
        self.lines: list[str] = []
        self.names: dict[Any, str] = {}
        self.scans: dict[Any, Scan] = {}

    def text(self) -> str:
        shown: set[Any] = set()
        while pending := [node for node in self.scans if node not in shown]:
            if not shown:
                self.lines += ["", "Inner graphs:"]
            for node in pending:
                shown.add(node)
                self._inner(node, self.scans[node])
        return "\n".join(self.lines) + "\n"

    def add(self, var: Variable, level: int = 0) -> None:
        """A variable and what it rests on, each before what it is from."""
        pending = [(var, level)]
        while pending:
            var, level = pending.pop()
            pending += [(operand, level + 1) for operand in reversed(self._shown(var, level))]

    def _shown(self, var: Variable, level: int) -> list[Variable]:
        """Show a variable; what comes below it."""
        node = var.owner
        known = node is not None and node in self.names
        self.lines.append(" " * level + ("|" if level else "") + self._label(var))
        if node is None or (self.stop_on_name and var.name and level):
            return []
        if known:
            if node.inputs:
                self.lines[-1] += " (shown above)"
            return []
        if isinstance(node.op, Scan):
            self.scans[node] = node.op
        return node.inputs if self.depth < 0 or level + 1 < self.depth else []

    def _label(self, var: Variable) -> str:
        type = f" <{var.type}>" if self.types else ""
        node = var.owner
        if node is None:
            return f"{var}{type}"
        which = f".{var.index}" if len(node.outputs) > 1 else ""
        name = f" '{var.name}'" if var.name else ""
        return f"{node.op.name}{which}{self._id(node)}{name}{type}"

    def _id(self, node: Any) -> str:
        if node not in self.names:
            number = len(self.names)
            self.names[node] = str(number) if self.ids == "int" else _letters(number)
        return f" [id {self.names[node]}]" if self.ids else ""

    def _inner(self, node: Any, op: Scan) -> None:
        body = op.body
        self.lines += ["", f"{op.name}{self._id(node)}"]
        for title, given in (("sequence row", body.xs), ("invariant", body.consts)):
            for var in given:
                self.lines.append(f" {title} {var} <{var.type}>")
        for carry in body.carry:
            for tap, var in carry.taps:
                self.lines.append(f" state {var} <{var.type}>, {-tap} step{'s' * (tap < -1)} ago")
        for title, variables in (("next state", [c.next for c in body.carry]), ("output", body.ys),
                                 ("stop if", [body.stop] if body.stop is not None else [])):
            for var in variables:
                self.lines.append(f" {title}:")
                self.add(var, 2)


def _letters(number: int) -> str:
    text = ""
    while number >= 0:
        text = chr(ord("A") + number % 26) + text
        number = number // 26 - 1
    return text


# ---- pydotprint ----


def pydotprint(fct: Any, outfile: str | None = None, scan_graphs: bool = False, **unused: Any) -> str:
    """The graph as text for Graphviz, also written to `outfile`; `scan_graphs` adds the steps of scans."""
    lines = ["digraph {"]
    pending = [_variables(fct, "pydotprint")]
    while pending:
        for node in applies(pending.pop()):
            lines += _dot_lines(node)
            if scan_graphs and isinstance(node.op, Scan):
                pending.append(node.op.body.outputs)
    text = "\n".join([*lines, "}"]) + "\n"
    if outfile is not None:
        with open(outfile, "w", encoding="utf-8") as out:
            out.write(text)
    return text


def _dot_lines(node: Apply) -> list[str]:
    lines = [f"  n{id(node)} [label={_quoted(node.op.name)}, shape=box];"]
    for i, var in enumerate(node.inputs):
        source = f"n{id(var.owner)}" if var.owner is not None else f"v{id(var)}"
        if var.owner is None:
            lines.append(f"  {source} [label={_quoted(str(var))}];")
        lines.append(f"  {source} -> n{id(node)} [label={_quoted(f'{i} {var.type}')}];")
    return lines


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


# ---- pprint ----

_INFIX = {"add": ("+", 1), "sub": ("-", 1), "mul": ("*", 2), "true_div": ("/", 2), "floor_div": ("//", 2),
          "mod": ("%", 2), "power": ("**", 4), "lt": ("<", 0), "le": ("<=", 0), "gt": (">", 0), "ge": (">=", 0),
          "eq": ("==", 0), "neq": ("!=", 0)}
_ATOM = 9
_LONG = 40  # characters: what several ops read is shown once, under a name
_LONGEST = 1000  # of what one op reads


def pprint(variable: Variable) -> str:
    """The formula of a variable; a scan reads as its step between 'scan(' and ')'. Long parts that are read more than
    once, and very long ones, have a line of their own.

    >>> x = T.vector("x")
    >>> print(sc.pprint(T.exp(x) + 1))
    exp(x) + 1.0
    """
    if not isinstance(variable, Variable):
        raise TypeError(f"pprint: {variable!r} is not a symbolic variable; give one, or print it itself")
    formulas = _Formulas()
    return "\n  where ".join([formulas.of(variable), *formulas.parts])


pp = pprint


class _Formulas:
    """Formulas, each op's after those of what it reads: a graph may be deeper than Python's stack."""

    def __init__(self) -> None:
        self.known: dict[Variable, tuple[str, int]] = {}  # text, and how tightly it binds
        self.parts: list[str] = []

    def of(self, variable: Variable) -> str:
        named = [v for node in applies([variable]) for v in node.outputs if v.name and not isinstance(node.op, Scan)]
        order = applies([variable], stop=named)
        readers = Counter(v for node in order for v in node.inputs)
        for node in order:
            for var in node.outputs:
                if readers[var] and var is not variable:
                    self.known[var] = self._part(*self._made(node, var), readers[var])
        made_by = variable.owner if order else None
        return self._text(variable) if made_by is None else self._made(made_by, variable)[0]

    def _part(self, text: str, level: int, readers: int) -> tuple[str, int]:
        """The text, or a name for it."""
        if len(text) <= (_LONG if readers > 1 else _LONGEST):
            return text, level
        name = f"%{len(self.parts) + 1}"
        self.parts.append(f"{name} = {text}")
        return name, _ATOM

    def _text(self, var: Variable, level: int = 0) -> str:
        text, own = self.known.get(var, (str(var), _ATOM))
        return text if own >= level else f"({text})"

    def _made(self, node: Apply, var: Variable) -> tuple[str, int]:
        op = node.op
        if isinstance(op, Scan):
            return self._scan(op, var), _ATOM
        if not node.inputs:
            return f"{_call_name(op)}()", _ATOM
        first, *rest = node.inputs
        if isinstance(op, Elemwise) and op.fn in _INFIX:
            sign, level = _INFIX[op.fn]
            return f"{self._text(first, level)} {sign} {self._text(rest[0], level + 1)}", level
        if isinstance(op, Elemwise) and op.fn == "neg":
            return f"-{self._text(first, 3)}", 3
        if isinstance(op, DimShuffle):
            return (f"{self._text(first, _ATOM)}.T", _ATOM) if op.order == (1, 0) else self._whole(first)
        if isinstance(op, Dot):
            return f"{self._text(first, 2)} @ {self._text(rest[0], 3)}", 2
        if isinstance(op, ShapeI):
            return f"{self._text(first, _ATOM)}.shape[{op.axis}]", _ATOM
        if isinstance(op, Subtensor):
            return f"{self._text(first, _ATOM)}[{self._index(op.template, rest)}]", _ATOM
        return f"{_call_name(op)}({', '.join(map(self._text, node.inputs))})", _ATOM

    def _whole(self, var: Variable) -> tuple[str, int]:
        return self.known.get(var, (str(var), _ATOM))

    def _index(self, template: tuple[Any, ...], operands: Sequence[Variable]) -> str:
        rest = iter(operands)
        parts = []
        for entry in template:
            if entry == "i":
                parts.append(self._text(next(rest)))
            else:
                bounds = [self._text(next(rest)) if given else "" for given in entry[1:]]
                parts.append(":".join(bounds if entry[3] else bounds[:2]))
        return ", ".join(parts)

    def _scan(self, op: Scan, var: Variable) -> str:
        body = op.body
        outputs = [*(c.next for c in body.carry), *body.ys]
        taps = [str(v) for c in body.carry for _, v in c.taps]
        names = [str(x) for x in body.xs] + taps
        stop = f" until {self.of(body.stop)}" if body.stop is not None else ""
        return f"scan({', '.join(names)} -> {self.of(outputs[var.index])}{stop})"


def _call_name(op: Any) -> str:
    if isinstance(op, Cast):
        return f"cast[{op.dtype}]"
    if isinstance(op, Reduce):
        return f"{op.kind}[{', '.join(map(str, op.axes))}]"
    return str(op.name)
