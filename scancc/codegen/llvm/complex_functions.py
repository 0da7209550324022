"""Elementary functions of complex numbers, from those of their parts."""

from __future__ import annotations

from ...ir import types as t
from ...ir.core import Op
from .arithmetic import float_literal
from .emitter import FunctionEmitter, Pair, emits, llvm_type, suffix, width_of


class _Parts:
    """Real arithmetic on the parts of one op's numbers."""

    def __init__(self, e: FunctionEmitter, op: Op) -> None:
        self.e, self.type, self.width = e, t.parts(op.result.type), width_of(op.result.type)
        self.kind, self.bits = llvm_type(self.type), llvm_type(t.shaped(t.i1, self.type))
        self.z = e.pair(op.operands[0])

    def call(self, name: str, *args: str) -> str:
        callee = self.e.out.math_call(name, str(t.element(self.type)), self.width)
        return self.e.emit(f"call {self.kind} @{callee}({', '.join(f'{self.kind} {a}' for a in args)})")

    def binary(self, word: str, a: str, b: str) -> str:
        return self.e.emit(f"{word} {self.kind} {a}, {b}")

    def number(self, value: float) -> str:
        element = t.element(self.type)
        assert isinstance(element, t.FloatType)
        literal = float_literal(value, element)
        return literal if self.width == 1 else f"splat ({llvm_type(element)} {literal})"

    def intrinsic(self, name: str, *args: str) -> str:
        callee = self.e.out.intrinsic(f"llvm.{name}.{suffix(self.type)}", self.kind, *[self.kind] * len(args))
        return self.e.emit(f"call {self.kind} @{callee}({', '.join(f'{self.kind} {a}' for a in args)})")

    def select(self, condition: str, a: str, b: str) -> str:
        return self.e.emit(f"select {self.bits} {condition}, {self.kind} {a}, {self.kind} {b}")

    def negate(self, a: str) -> str:
        return self.e.emit(f"fneg {self.kind} {a}")


@emits("complex.neg")
def negate(e: FunctionEmitter, op: Op) -> None:
    p = _Parts(e, op)
    e.env[op.result] = Pair(p.negate(p.z.re), p.negate(p.z.im))


@emits("complex.exp")
def exp(e: FunctionEmitter, op: Op) -> None:
    """e**x (cos y + i sin y)."""
    p = _Parts(e, op)
    size = p.call("exp", p.z.re)
    real = e.emit(f"fcmp oeq {p.kind} {p.z.im}, {p.number(0.0)}")  # keeps inf * 0 out of a real exponent
    imag = p.binary("fmul", size, p.call("sin", p.z.im))
    e.env[op.result] = Pair(p.binary("fmul", size, p.call("cos", p.z.im)), p.select(real, p.z.im, imag))


@emits("complex.log")
def log(e: FunctionEmitter, op: Op) -> None:
    """log |z| + i arg z."""
    p = _Parts(e, op)
    e.env[op.result] = Pair(p.call("log", p.call("hypot", p.z.re, p.z.im)), p.call("atan2", p.z.im, p.z.re))


@emits("complex.sqrt")
def sqrt(e: FunctionEmitter, op: Op) -> None:
    """The root in the right half plane: w = sqrt((|z| + |x|) / 2), then w and y / 2w by the sign of x."""
    p = _Parts(e, op)
    x, y = p.z.re, p.z.im
    sum_ = p.binary("fadd", p.call("hypot", x, y), p.intrinsic("fabs", x))
    w = p.intrinsic("sqrt", p.binary("fmul", sum_, p.number(0.5)))
    zero = e.emit(f"fcmp oeq {p.kind} {w}, {p.number(0.0)}")
    safe = p.select(zero, p.number(1.0), w)
    other = p.binary("fdiv", y, p.binary("fmul", safe, p.number(2.0)))
    right = e.emit(f"fcmp oge {p.kind} {x}, {p.number(0.0)}")
    re = p.select(right, w, p.intrinsic("fabs", other))
    im = p.select(right, other, p.intrinsic("copysign", w, y))
    e.env[op.result] = Pair(p.select(zero, p.number(0.0), re), p.select(zero, y, im))


@emits("complex.sin", "complex.cos")
def sine(e: FunctionEmitter, op: Op) -> None:
    """sin x cosh y + i cos x sinh y; cos x cosh y - i sin x sinh y."""
    p = _Parts(e, op)
    sin, cos = p.call("sin", p.z.re), p.call("cos", p.z.re)
    sinh, cosh = p.call("sinh", p.z.im), p.call("cosh", p.z.im)
    if op.name == "complex.sin":
        e.env[op.result] = Pair(p.binary("fmul", sin, cosh), p.binary("fmul", cos, sinh))
    else:
        e.env[op.result] = Pair(p.binary("fmul", cos, cosh), p.negate(p.binary("fmul", sin, sinh)))


@emits("complex.tanh")
def tanh(e: FunctionEmitter, op: Op) -> None:
    """(T (1 + u**2) + i u (1 - T**2)) / (1 + T**2 u**2) with T = tanh x and u = tan y."""
    p = _Parts(e, op)
    size, slope = p.call("tanh", p.z.re), p.call("tan", p.z.im)
    one = p.number(1.0)
    size2, slope2 = p.binary("fmul", size, size), p.binary("fmul", slope, slope)
    below = p.binary("fadd", one, p.binary("fmul", size2, slope2))
    re = p.binary("fmul", size, p.binary("fadd", one, slope2))
    im = p.binary("fmul", slope, p.binary("fsub", one, size2))
    e.env[op.result] = Pair(p.binary("fdiv", re, below), p.binary("fdiv", im, below))
