"""Models that people write: values as in plain NumPy, gradients as by differences, on every executor; native
code takes the memory that the plan says."""

import numpy as np
import pytest

from tests.programs import users
from tests.programs.allocations import check_plan
from tests.programs.executors import compile

WITH_GRADIENTS = [m for m in users.MODELS if users.build(m).wrt]


@pytest.mark.usefixtures("every_executor")
@pytest.mark.parametrize("make", users.MODELS, ids=lambda m: m.__name__)
def test_values(make):
    model = users.build(make)
    tolerance = 1e-4 if any(v.dtype == "float32" for v in model.inputs) else 1e-9
    f = compile(model.inputs, model.outputs, model.updates)
    found = f(*model.args)
    for value, expected in zip(found, model.twin(*model.args), strict=True):
        assert np.shape(value) == np.shape(expected)
        np.testing.assert_allclose(value, expected, rtol=tolerance, atol=tolerance)
    check_plan(f, model.args)


@pytest.mark.long
@pytest.mark.usefixtures("every_executor")
@pytest.mark.parametrize("make", WITH_GRADIENTS, ids=lambda m: m.__name__)
def test_gradients(make):
    """Along a direction for each input: the twin's cost a step ahead and a step behind."""
    model = users.build(make)
    place = next(i for i, v in enumerate(model.outputs) if v.ndim == 0)
    f = compile(model.inputs, model.gradients())
    slopes = f(*model.args)
    rng = np.random.default_rng(0)
    for i, slope in zip(model.wrt, slopes, strict=True):
        value = np.asarray(model.args[i])
        along = rng.normal(size=value.shape)

        def cost_at(distance, i=i, value=value, along=along):
            args = [*model.args]
            args[i] = value + distance * along
            return float(model.twin(*args)[place])
        expected = (cost_at(1e-5) - cost_at(-1e-5)) / 2e-5
        assert slope.shape == value.shape
        np.testing.assert_allclose((slope * along).sum(), expected, rtol=1e-5, atol=1e-6)
    check_plan(f, model.args)
