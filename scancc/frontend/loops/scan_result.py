"""What `scan` returns, the pair (outputs, updates), and what it says where it is taken for the outputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from scancc.frontend.graph.constants import register_conversion
from scancc.frontend.graph.site import Site
from scancc.frontend.graph.variables import Variable, user_location

_OPERATORS = ("add sub mul truediv floordiv mod divmod pow matmul lshift rshift "
              "radd rsub rmul rtruediv rfloordiv rmod rdivmod rpow rmatmul rlshift rrshift rand rxor "
              "and xor lt le gt ge neg pos abs invert float int complex index round array")


class NotATensor:
    """What comes with a tensor and is none: arithmetic and the names of a tensor's methods say what to write."""

    fact = remedy = what = ""

    def refuse(self, *args: object, **options: object) -> NoReturn:
        raise TypeError(self._text())

    def _text(self) -> str:
        return Site(None, user_location(), self.what).text(self.fact, self.remedy)

    def __getattr__(self, name: str) -> Any:
        text = f"{type(self).__name__!r} object has no attribute {name!r}"
        raise AttributeError(f"{self._text()}" if hasattr(Variable, name) and name[:2] != "__" else text)


for _name in _OPERATORS.split():
    setattr(NotATensor, f"__{_name}__", NotATensor.refuse)


class ScanResult(NotATensor, tuple[Any, ...]):
    """`(outputs, updates)`: a tuple, which is to be unpacked."""

    what = "the result of scan"
    fact = "it is the pair (outputs, updates), not a tensor"
    remedy = ("unpack it: outputs, updates = sc.scan(...), and pass function(..., updates=updates); "
              "result[0] are the outputs, and outputs[-1] is their last row")

    def __getitem__(self, index: Any) -> Any:
        try:
            part = tuple.__getitem__(self, index)
        except (TypeError, IndexError) as error:
            raise type(error)(self._text()) from None
        return ScanResult(part) if isinstance(index, slice) else part


def check_unpacked(value: object) -> None:
    """TypeError where `value` is a scan's result, or its updates, in the place of a tensor."""
    if isinstance(value, NotATensor):
        value.refuse()


def refuse_as_tensor(kind: type) -> None:
    """Let the functions of tensors refuse `kind` in its own words."""
    convert: Callable[[Any], Any] = check_unpacked
    register_conversion(kind, convert)


refuse_as_tensor(ScanResult)
