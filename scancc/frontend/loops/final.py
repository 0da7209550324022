"""The value that a state of a scan ends with: its last row, or what it started from where no step ran."""

from __future__ import annotations

from scancc.frontend.graph.site import Site, described
from scancc.frontend.graph.variables import Variable, user_location
from scancc.frontend.loops.rewiring import with_states
from scancc.frontend.loops.scan_op import Carry, scan_of


def final_state(output: Variable) -> Variable:
    """The last row of a recurrent output of `scan`, or its (newest) initial row where no step ran.

    Where one step at least is sure to run this is `output[-1]`, which raises IndexError after no steps;
    code that takes its input in chunks goes on from `final_state` also after an empty one. TypeError where
    `output` is not what `scan` gave for an entry of `outputs_info` with an initial value.

    >>> n = T.iscalar("n")
    >>> doubled, _ = sc.scan(lambda v: 2 * v, outputs_info=T.constant(1.), n_steps=n)
    >>> sc.function([n], sc.final_state(doubled))(0)
    array(1.)
    """
    node = output.owner if isinstance(output, Variable) else None
    op = scan_of(node)
    if node is None or op is None or output.index >= len(op.body.carry) or not op.body.carry[output.index].trace:
        what = described(output) if isinstance(output, Variable) else repr(output)
        raise TypeError(Site(None, user_location(), "final_state").text(
            f"{what} is not the rows of a state",
            "pass an output of scan that has an initial value in outputs_info, as scan returned it",
        ))
    carry = op.body.carry[output.index]
    init = op.inputs_of(node.inputs).inits[output.index]
    newest = init if carry.depth == 1 else init[carry.depth - 1]
    (final,) = with_states(node, [(Carry((), 1, carry.next, trace=False), newest)])
    return final
