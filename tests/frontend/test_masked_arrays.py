"""A masked array is refused wherever values come in: its mask would be lost, and what it hides computed with."""

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T

MASKED = np.ma.masked_array([1.0, 100.0, 3.0], [False, True, False])
x = T.dvector("x")
held = sc.shared(np.ones(3), "held")


def call(*args, **options):
    return sc.function([x], x.sum(), **options)(*args)


@pytest.mark.parametrize("take", [
    lambda: call(MASKED),
    lambda: call(MASKED, mode="reference"),
    lambda: call(MASKED, allow_input_downcast=True),
    lambda: call(np.ma.array([1.0, 2.0])),
    lambda: call([1.0, np.ma.masked]),
    lambda: sc.function([sc.In(x, value=MASKED)], x.sum())(),
    lambda: x.sum().eval({x: MASKED}),
    lambda: T.constant(MASKED),
    lambda: T.constant(MASKED, dtype="float32"),
    lambda: T.as_tensor_variable([MASKED, MASKED]),
    lambda: x + MASKED,
    lambda: T.stack([x, MASKED]),
    lambda: T.set_subtensor(x[:3], MASKED),
    lambda: sc.shared(MASKED),
    lambda: held.set_value(MASKED),
    lambda: held.set_value(MASKED, borrow=True),
    lambda: sc.scan(lambda a: a, sequences=MASKED),
    lambda: sc.scan(lambda a: a, outputs_info=MASKED, n_steps=3),
    lambda: sc.scan(lambda a, b: a, outputs_info=x, non_sequences=MASKED, n_steps=3),
    lambda: sc.function([], x.sum(), givens={x: MASKED}),
    lambda: sc.function([], updates={held: MASKED}),
    lambda: sc.clone(x * 2, {x: MASKED}),
    lambda: sc.RandomStream(1).normal(MASKED),
    lambda: sc.gradient.verify_grad(lambda a: a * 2, [MASKED]),
])
def test_a_mask_is_never_dropped(take):
    with pytest.raises(TypeError, match="masked array"):
        take()
    np.testing.assert_array_equal(held.get_value(), np.ones(3))
