"""What a compiled function tells of itself: IR, passes and what they changed, remarks, memory, cost, time.

The methods stand in a base of `Function`; docs/insight.md shows them together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scancc.frontend.program.arguments import bind
from scancc.later import in_role, loaded_later
from scancc.process import kept_property
from scancc.runtime.cpu import FIRST_GUESS

if TYPE_CHECKING:
    from scancc import memory, stages, views
    from scancc.codegen.target import Target
    from scancc.frontend.program.holding import Holding
    from scancc.frontend.program.program import Program
    from scancc.insight import dumps, explain
    from scancc.insight import timing as times
    from scancc.insight.cost import Cost
    from scancc.insight.explain import Explanation
    from scancc.insight.timing import Timing
    from scancc.insight.watching import traces
    from scancc.insight.watching.traces import Trace
    from scancc.ir.remarks import Remark
    from scancc.memory import MemoryPlan
    from scancc.stages import Compiled
    from scancc.versions import Versions
    from scancc.views import History
else:
    memory, stages, views = map(loaded_later, ("scancc.memory", "scancc.stages", "scancc.views"))
    dumps, explain, times, traces = map(loaded_later, (
        "scancc.insight.dumps", "scancc.insight.explain", "scancc.insight.timing", "scancc.insight.watching.traces"))


class Remarks(list["Remark"]):
    """What passes said; called, the part of it that is asked for, and printed a line each."""

    def __call__(self, pass_name: str | None = None, done: bool | None = None, line: int | None = None) -> Remarks:
        """Those of a pass, those that say yes (`done`) or no, those about a line of the user's."""
        return Remarks(r for r in self if pass_name in (None, r.pass_name) and done in (None, r.done)
                       and (line is None or (r.location is not None and r.location[1] == line)))

    def __str__(self) -> str:
        return "".join(f"{remark}\n" for remark in self)


class Insight:
    """The methods of a function that show what the compiler made of it."""

    program: Program
    name: str | None
    _versions: Versions | None
    _holding: Holding

    @kept_property
    def _for_all_sizes(self) -> Compiled:
        return stages.compile_program(self.program) if self._versions is None else self._versions.compiled_for_all

    @property
    def compiled(self) -> Compiled:
        """IR, LLVM IR and signature for this machine, of the code that the first call took (`versions.py`)."""
        return self._for_all_sizes if self._versions is None else self._versions.compiled

    @property
    def _running(self) -> Program:
        """The program whose code calls run, with the sizes that the first call showed."""
        return self.program if self._versions is None else self._versions.running

    # ---- text ----

    def dump(self, stage: str = "scan", after_each_pass: bool = False, only_changed: bool = False,
             target: Target | str | None = None, locations: bool = False, form: str = "reading",
             query: bool = False, full: bool = False) -> str:
        """The program as text at a stage: 'graph', 'scan', 'loop', 'mlir-upstream', 'llvm' or 'asm' (docs/ir.md).

        `after_each_pass` gives the IR as lowered and what each pass up to the stage changed in it; `only_changed`
        leaves out passes that changed nothing, `full` gives all of the IR after each. `locations`: with the user's
        lines. `form`: 'reading', or 'generic', which tools read. `query`: with functions that compute sizes.
        """
        return dumps.dump(self._running, stage, after_each_pass, only_changed, target,
                          views.View(form, locations, query, full))

    def ir(self, stage: str = "scan", form: str = "reading", *, after: str | None = None,
           target: Target | str | None = None, locations: bool = False, query: bool = False) -> str:
        """The program at a stage, as `dump` gives it; `after`: as the last run of the pass of that name left it."""
        if after is None:
            return self.dump(stage, target=target, locations=locations, form=form, query=query)
        view = views.View(form, locations, query)
        done = dumps.history(self._running, target, view).named(after)[-1]
        return "".join(f"{line}\n" for line in view.shown(done.after))

    def asm(self, target: Target | str | None = None) -> str:
        """The assembly."""
        return self.dump("asm", target=target)

    # ---- passes ----

    @property
    def passes(self) -> History:
        """What each pass did, in order: name, time, remarks, the IR before and after it and the `diff`."""
        return dumps.history(self._running)

    def diff(self, name: str) -> str:
        """What the pass of that name changed, each time that it ran."""
        return self.passes.diff(name)

    @property
    def remarks(self) -> Remarks:
        """What the passes did, or did not do and why: a list, of which `f.remarks("tile", done=False)` is a part."""
        return Remarks([*(self._versions.remarks if self._versions else ()), *self.compiled.remarks])

    def explain(self, target: Target | str | None = None) -> Explanation:
        """What the compiler knows of each scan and what it made of it, a card a scan (docs/explain.md)."""
        return explain.explained(self._running, target)

    # ---- what a call takes ----

    def memory_plan(self, *args: Any, **kwargs: Any) -> MemoryPlan:
        """The memory that a call takes: each buffer, its life and its place, as formulas of sizes (docs/memory.md).

        With arguments as for a call, or sizes by the names that the formulas have (`x_n0=1000`), in numbers too.
        """
        made = self._for_all_sizes
        parts = made.module, made.name, made.inputs, made.outputs
        bounds = dict(zip((p.name for p in made.inputs if p.is_bound), self._bounds(), strict=True))
        if not args:
            plan = memory.memory_plan(*parts)
            if not kwargs and plan.names:
                return plan
            if set(kwargs) <= {p.name for p in made.inputs if p.rank == 0}.union(plan.names):
                return plan.at({**bounds, **kwargs})
        given = self._bound(args, kwargs)
        values = [*given, *(np.array(n, np.int64) for n in bounds.values())]
        inputs = self.program.inputs
        originals = [*args, *(kwargs.get(str(entry.keyword), entry.value) for entry in inputs[len(args):])]
        copied = sum(array.nbytes for array, value in zip(given, originals, strict=False) if _is_copied(array, value))
        return replace(memory.memory_plan_for(*parts, values), copied_nbytes=copied)

    def _bound(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Any]:
        """The values of inputs and shared variables of a call with these arguments."""
        return [*bind(self.program.inputs, args, kwargs, self.name), *self._holding.values()]

    def _bounds(self) -> list[int]:
        """The guesses that the next call makes of sizes which only running tells."""
        n_bounds = sum(p.is_bound for p in self._for_all_sizes.inputs)
        return self._versions.general.kernel.bounds if n_bounds and self._versions else [FIRST_GUESS] * n_bounds

    def cost(self, *args: Any, **kwargs: Any) -> Cost:
        """What a call computes and moves: operations and bytes, as formulas of sizes.

        With arguments as for a call, or sizes by name (`x_n0=1000`), in numbers too.
        """
        found = dumps.cost(self.program, self.memory_plan())
        if not args and not kwargs:
            return found
        if not args and set(kwargs) <= set(found.names):
            return found.at(kwargs)
        return found.at(self._numbers(self.memory_plan(*args, **kwargs), args, kwargs))

    def plan_and_cost(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[MemoryPlan, Cost]:
        """The memory that a call with these arguments takes, and what it computes and moves; of all calls without."""
        plan = self.memory_plan(*args, **kwargs)
        found = dumps.cost(self.program, plan)
        return plan, found.at(self._numbers(plan, args, kwargs)) if args or kwargs else found

    def _numbers(self, plan: MemoryPlan, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, int]:
        """All sizes of a call with these arguments, whose plan this is."""
        return {**self._sizes(args, kwargs), **(plan.values or {})}

    def _sizes(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, int]:
        """The lengths and whole numbers of a call with these arguments, by their names."""
        found: dict[str, int] = {}
        for param, value in zip(self._for_all_sizes.inputs, self._bound(args, kwargs), strict=False):
            array = np.asarray(value)
            found.update({f"{param.name}_n{axis}": n for axis, n in enumerate(array.shape)})
            if array.ndim == 0 and array.dtype.kind in "iub":
                found[param.name] = int(array)
        return found

    # ---- values of steps ----

    def trace(self, *args: Any, steps: slice = slice(0, 1), **kwargs: Any) -> Trace:
        """Every value of the scans' `steps` by name, in a call with these arguments that changes nothing: for each
        scan a mapping, name to rows. Computed by native code made for this; see docs/insight.md."""
        return traces.traced(self.program, self._bound(args, kwargs), steps)

    # ---- a report ----

    def report(self, path: str | PathLike[str], *args: Any, **kwargs: Any) -> None:
        """Write all of this to one HTML file, to read in a browser without a network; with arguments as for a call,
        sizes in numbers and the call's place under the machine's roofline (docs/insight.md)."""
        Path(path).write_text(in_role("report").html(self, args, kwargs), "utf-8")

    # ---- time ----

    def timing(self) -> Timing:
        """Where time went: in compiling, and, with `profile=True`, in calls."""
        made = [] if self._versions is None else self._versions.made
        return times.Timing(self.name or "a function", tuple(native.compilation.times for native in made))


def _is_copied(array: np.ndarray, value: object) -> bool:
    """Whether a call reads another array than the argument `value`, of which `array` has the dtype of the input."""
    is_another = array is not value and array.flags.owndata
    return array.ndim > 0 and (is_another or not (array.flags.c_contiguous and array.flags.aligned))
