"""Operators and methods of variables, constants, constructors, the namespace T, and config."""

import operator
import os

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.config import SWITCHES, Config, change_flags, config
from scancc.frontend.graph.constants import as_operand, constant_int
from scancc.frontend.graph.variables import Constant, TensorType, Variable
from scancc.frontend.ops.reference import evaluate

FLOATS = [operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod,
          operator.pow, operator.lt, operator.le, operator.gt, operator.ge]
INTEGERS = [operator.and_, operator.or_, operator.xor, operator.lshift, operator.rshift]


@pytest.mark.parametrize("op", FLOATS, ids=lambda f: f.__name__)
def test_binary_operators_with_variables_numbers_and_arrays(op):
    x, y = T.vectors("x", "y")
    a, b = np.array([1.5, 2.0, 0.5]), np.array([2.0, 2.0, 3.0])
    found = evaluate([op(x, y), op(x, 2), op(2, x), op(x, b), op(b, x), op(x, [1, 2, 3])], {x: a, y: b})
    expected = [op(a, b), op(a, 2), op(2, a), op(a, b), op(b, a), op(a, np.array([1, 2, 3]))]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other)
        assert one.dtype == other.dtype


@pytest.mark.parametrize("op", INTEGERS, ids=lambda f: f.__name__)
def test_binary_operators_of_integers(op):
    x, a = T.lvector("x"), np.array([1, 6, 3])
    for one, other in zip(evaluate([op(x, 2), op(5, x)], {x: a}), [op(a, 2), op(5, a)], strict=True):
        np.testing.assert_array_equal(one, other)


def test_unary_operators():
    x, a = T.lvector("x"), np.array([-2, 0, 5])
    found = evaluate([-x, +x, abs(x), ~x, *divmod(x, 3)], {x: a})
    for one, other in zip(found, [-a, a, abs(a), ~a, *divmod(a, 3)], strict=True):
        np.testing.assert_array_equal(one, other)


def test_logic_of_comparisons():
    x = T.vector("x")
    (found,) = evaluate([(x > 0) & ~(x > 2) | T.eq(x, 5)], {x: [-1.0, 1.0, 3.0, 5.0]})
    assert found.tolist() == [False, True, False, True]


def test_numpys_functions_give_variables():
    x, a = T.vector("x"), np.array([0.5, 1.5])
    found = evaluate([np.exp(x), np.maximum(x, 1), np.add(a, x), np.multiply(2, x)], {x: a})
    for one, other in zip(found, [np.exp(a), np.maximum(a, 1), a + a, 2 * a], strict=True):
        np.testing.assert_allclose(one, other)
    with pytest.raises(TypeError):
        np.spacing(x)


def test_other_classes_have_their_say():
    class Other:
        def __radd__(self, left):
            return "other"

    assert T.scalar() + Other() == "other"
    with pytest.raises(TypeError, match="unsupported operand"):
        T.scalar() + object()
    with pytest.raises(TypeError, match="unsupported operand"):
        T.scalar() + None


def test_variables_are_equal_to_themselves_only_and_can_be_keys():
    x, y = T.scalars("x", "y")
    assert x == x and x != y and {x: 1, y: 2}[x] == 1


def test_truth_value_says_what_to_use():
    with pytest.raises(TypeError, match=r"x > 0|no truth value .* T.switch"):
        bool(T.scalar("x"))


def test_methods_are_the_functions():
    x, a = T.matrix("x"), np.array([[1.0, 3.0], [2.0, -1.0]])
    found = evaluate(
        [x.clip(0, 2), x.round(), x.take([1], axis=0), x.diagonal(), x.trace(), x.ptp(), x.copy(), x.fill(3.0),
         x.ravel(), x.repeat(2, axis=0), x.conj(), x.astype("int8")],
        {x: a},
    )
    expected = [a.clip(0, 2), a.round(), a[[1]], a.diagonal(), a.trace(), np.ptp(a), a, np.full_like(a, 3),
                a.ravel(), a.repeat(2, axis=0), a, a.astype("int8")]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("mode", ["reference", "native"])
def test_eval_in_a_mode_and_by_names(mode):
    x, y = T.vector("x"), T.vector("y")
    assert (x * 2 + y).eval({x: [1.0], "y": [5]}, mode=mode).tolist() == [7]
    assert x.eval({x: [1.0], y: [2.0]}, mode=mode, on_unused_input="ignore").tolist() == [1]
    with pytest.raises(ValueError, match="no input of .* called 'z'.*names: x, y"):
        (x * 2 + y).eval({"z": [1.0]}, mode=mode)


def test_eval_clone_and_tag():
    x = T.vector("x")
    assert (x * 2).eval({x: [1.0]}).tolist() == [2]
    assert x.clone().type == x.type and x.clone() is not x
    x.tag.test_value = 3
    assert x.tag.test_value == 3 and not hasattr(T.vector().tag, "test_value")


def test_a_known_length_can_be_unpacked():
    a, b = T.tensor("x", dtype="float64", shape=(2,))
    assert isinstance(a, Variable) and b.ndim == 0


# ---- constants ----------------------------------------------------------------------------------------

@pytest.mark.parametrize("value, dtype", [
    (0, "int8"), (127, "int8"), (128, "int16"), (-129, "int16"), (40000, "int32"), (2**40, "int64"),
    (2**63, "uint64"), (1.5, "float64"), (1j, "complex128"), (True, "bool"), ([0, 1], "int64"),
    (np.float32(1), "float32"), (np.int16(1), "int16"), (np.zeros(2, "uint8"), "uint8"), ([1.0, 2], "float64"),
])
def test_dtype_of_a_constant(value, dtype):
    assert T.as_tensor_variable(value).dtype == T.constant(value).dtype == dtype


def test_constants_take_a_dtype_a_rank_and_a_name():
    c = T.constant([1, 2], name="c", dtype="float32", ndim=2)
    assert (c.dtype, c.type.shape, c.name) == ("float32", (1, 2), "c")
    assert T.as_tensor_variable(T.vector(), ndim=2).broadcastable == (True, False)
    with pytest.raises(ValueError, match="2 dimensions where 1"):
        T.constant([[1]], ndim=1)


def test_python_float_constant_is_of_floatx():
    with change_flags(floatX="float32"):
        assert T.constant(1.0).dtype == "float32" and T.zeros(2).dtype == "float32"


def test_only_numbers_met_by_operators_are_weak():
    assert as_operand(1).weak and as_operand(1.0).weak
    assert not T.constant(1).weak and not as_operand(np.int8(1)).weak and not as_operand(True).weak
    assert constant_int(T.constant(3)) == 3 and constant_int(True) is None


@pytest.mark.parametrize("value", ["abc", object(), None, {"a": 1}, [[1], [1, 2]], [object()]])
def test_what_cannot_be_a_tensor(value):
    with pytest.raises(TypeError, match="cannot become a tensor"):
        T.as_tensor_variable(value)


def test_number_too_large_for_any_dtype():
    with pytest.raises(OverflowError, match="at most 64 bits"):
        T.constant(2**64)


def test_lists_with_variables_are_stacked():
    x, y = T.scalars("x", "y")
    assert T.as_tensor_variable([[x, 1], [y, x]]).type.shape == (2, 2)
    assert T.as_tensor_variable((x, 2.0)).eval({x: 1.0}).tolist() == [1, 2]


# ---- constructors ----------------------------------------------------------------------------------------

@pytest.mark.parametrize("noun, shape", [
    ("scalar", ()), ("vector", (None,)), ("row", (1, None)), ("col", (None, 1)), ("matrix", (None, None)),
    ("tensor3", (None,) * 3), ("tensor4", (None,) * 4),
])
def test_constructors_of_every_rank_and_dtype(noun, shape):
    assert getattr(T, noun)("x").type == TensorType("float64", shape)
    assert getattr(T, noun)("x", dtype="int8").dtype == "int8"
    prefixes = {"b": "int8", "w": "int16", "i": "int32", "l": "int64", "f": "float32", "d": "float64",
                "c": "complex64", "z": "complex128"}
    for prefix, dtype in prefixes.items():
        var = getattr(T, prefix + noun)("x")
        assert var.type == TensorType(dtype, shape) and var.name == "x"
    with change_flags(floatX="float32"):
        assert getattr(T, noun)().dtype == "float32"


def test_several_at_once():
    assert [v.name for v in T.dmatrices("x", "y")] == ["x", "y"]
    assert len(T.ivectors(3)) == 3 and T.lscalars("n")[0].dtype == "int64"
    assert [v.dtype for v in T.scalars("a", "b")] == ["float64"] * 2


def test_types_and_tensors():
    assert T.TensorType("float32", (False, True)).shape == (None, 1)
    assert T.TensorType("float32", broadcastable=(False, True)).shape == (None, 1)
    assert T.TensorType(np.float64, shape=(2, None))("x").type.shape == (2, None)
    assert T.tensor("x", dtype="int8", shape=(3,)).name == "x"
    assert T.tensor("float32", (False,)).type == TensorType("float32", (None,))
    assert T.vector("v", shape=(4,)).type.shape == (4,) and T.dvector("v", shape=(4,)).type.shape == (4,)
    assert T.matrix("m").type() is not T.matrix("m") and isinstance(T.matrix("m").type, T.TensorType)
    with pytest.raises(TypeError, match="'float8' is not a dtype"):
        T.TensorType("float8", ())
    with pytest.raises(TypeError, match="'n' is no dimension"):
        T.TensorType("float32", ("n",))
    with pytest.raises(TypeError, match="needs shape="):
        T.tensor("x")
    with pytest.raises(ValueError, match="a vector has 1 dimensions"):
        T.vector(shape=(1, 2))


def test_namespace_holds_what_it_promises():
    for name in T.__all__:
        assert hasattr(T, name)
    assert T.sign is T.sgn and T.inv is T.reciprocal and T.int_div is T.floor_div
    assert isinstance(T.constant(1), Constant)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = T.nothing


# ---- config ---------------------------------------------------------------------------------------------

def test_switches_are_set_checked_and_put_back():
    assert config.floatX == "float64" and config is sc.config
    with change_flags(floatX="float32"):
        assert config.floatX == "float32"
        with (pytest.warns(UserWarning, match="config.scan.debug = True has no effect"),
              change_flags({"scan.debug": True, "verify": False}), config.change_flags(scan__allow_gc=False)):
            assert config.scan.debug and not config.verify
        assert not config.scan.debug
    assert config.floatX == "float64"
    with pytest.raises(ValueError, match="it takes 'float64' or 'float32'"):
        config.floatX = "float16"
    with pytest.raises(TypeError, match="config.cache_mb is None; it takes a float"):
        config.cache_mb = None
    with pytest.raises(AttributeError, match="there is no switch config.nothing"):
        config.nothing = 1
    with pytest.raises(AttributeError, match="there is no switch config.scan.nothing"):
        _ = config.scan.nothing


def test_flags_go_back_after_an_error_and_around_a_function():
    @change_flags(floatX="float32")
    def dtype(fail=False):
        if fail:
            raise KeyError
        return T.scalar().dtype

    assert dtype() == "float32" and T.scalar().dtype == "float64"
    with pytest.raises(KeyError):
        dtype(fail=True)
    assert config.floatX == "float64"


def test_environment_of_a_switch_read_late(monkeypatch):
    for name in ("CACHE", "CACHE_MB"):
        monkeypatch.setenv(f"SCANCC_{name}", "1")
    monkeypatch.setenv("SCANCC_CACHE_DIR", "somewhere")
    assert config.cache_dir == "somewhere"
    with change_flags(cache_dir="elsewhere", cache=False, cache_mb=3):
        assert [os.environ[f"SCANCC_{n}"] for n in ("CACHE_DIR", "CACHE", "CACHE_MB")] == ["elsewhere", "0", "3.0"]
        assert config.cache is False and config.cache_mb == 3
    assert os.environ["SCANCC_CACHE_DIR"] == "somewhere" and config.cache is True


@pytest.mark.parametrize(("name", "value"), [
    ("contract", "nope"), ("contract", ""), ("verify", 1), ("verify", None), ("cache", "maybe"), ("cache_mb", -1.0),
    ("cache_mb", float("nan")), ("cache_mb", float("inf")), ("cache_mb", True), ("cache_mb", "many"),
    ("mode", "FASTEST"), ("mode", 3), ("optimizer", "fast"), ("on_opt_error", "shrug"), ("floatX", "float65"),
    ("exception_verbosity", "medium"), ("compute_test_value", "yes"), ("cast_policy", "strict"),
])
def test_a_value_that_is_none_of_a_switch_is_refused(name, value):
    before = str(config)
    with pytest.raises((ValueError, TypeError), match=rf"config\.{name} is .*; it takes "):
        setattr(config, name, value)
    with pytest.raises((ValueError, TypeError), match=rf"config\.{name} is .*; it takes "):
        change_flags({name: value})
    assert str(config) == before


@pytest.mark.parametrize(("name", "value"), [
    ("SCANCC_VERIFY", "maybe"), ("SCANCC_CONTRACT", "x"), ("SCANCC_CACHE", "maybe"), ("SCANCC_CACHE_MB", "-3"),
    ("SCANCC_FLOATX", "float16"), ("SCANCC_MODE", "fastest"),
])
def test_a_wrong_value_in_the_environment_is_refused(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=f"the environment variable {name} is {value!r}|{name} is {value}"):
        Config()


def test_the_environment_gives_first_values(monkeypatch):
    monkeypatch.setenv("SCANCC_CONTRACT", "off")
    monkeypatch.setenv("SCANCC_VERIFY", "")
    assert not Config().contract and Config().verify


def test_a_misspelt_variable_of_the_environment_is_said(monkeypatch):
    monkeypatch.setenv("SCANCC_FLOTX", "float32")
    with pytest.warns(UserWarning, match="SCANCC_FLOTX is no switch .*did you mean SCANCC_FLOATX?"):
        assert Config().floatX == "float64"


def test_every_switch_is_shown_with_its_default():
    for name, switch in SWITCHES.items():
        assert isinstance(switch.default, switch.type), name
        assert name in str(config) and switch.environment.startswith("SCANCC_")
