"""An artifact survives the round trip through bytes, and nothing else is taken for one."""

import struct
from dataclasses import replace

import pytest

from scancc.artifact import Artifact, Check, Param, n_slots

ARTIFACT = Artifact(
    name="f",
    target="cpu",
    triple="x86_64-linux-gnu",
    cpu="znver4",
    features="+avx2",
    code=bytes(range(256)),
    run_symbol="f__run",
    query_symbol="f__query",
    inputs=(Param("x", "float64", (None, 3)), Param("k", "int32", ())),
    outputs=(Param("y", "bool", (None,)),),
    checks=(Check(1, "ValueError", "n is {0}"),),
    versions="llvm 22",
)


@pytest.mark.parametrize("libraries", [(), (b"one", b"", b"three")])
@pytest.mark.parametrize("query", [b"", b"sizes"])
def test_round_trip(libraries, query):
    artifact = replace(ARTIFACT, libraries=libraries, query_code=query)
    assert Artifact.from_bytes(artifact.to_bytes()) == artifact


@pytest.mark.parametrize("lengths", ["[1, 300]", "[-10]", "[\"a\"]", "{}"])
def test_libraries_are_parts_of_the_bytes(lengths):
    data = ARTIFACT.to_bytes().replace(b"[]}", lengths.encode() + b"}")
    head = len(b"scancc artifact\n")
    n_header, n_code = struct.unpack_from("<QQ", data, head)
    data = data[:head] + struct.pack("<QQ", n_header + len(lengths) - 2, n_code) + data[head + 16 :]
    with pytest.raises(ValueError, match="scancc artifact"):
        Artifact.from_bytes(data)


def test_slots_count_pointers_dimensions_workspace_and_info():
    assert ARTIFACT.n_slots == n_slots(ARTIFACT.inputs, ARTIFACT.outputs) == (1 + 2) + 1 + (1 + 1) + 2 + 4


@pytest.mark.parametrize("data", [b"", b"scancc artifact\n", b"\x7fELF" * 20, ARTIFACT.to_bytes()[:-1]])
def test_other_bytes_are_refused(data):
    with pytest.raises(ValueError, match="artifact"):
        Artifact.from_bytes(data)


@pytest.mark.parametrize("shape", [[-1], ["n"], [1.5]])
def test_a_dimension_is_a_count_or_unknown(shape):
    with pytest.raises(ValueError, match="a dimension is"):
        Param.from_json({"name": "x", "dtype": "float64", "shape": shape})


def test_a_missing_field_is_named():
    with pytest.raises(ValueError, match="'message' of a scancc artifact is None"):
        Check.from_json({"code": 1, "error": "ValueError"})
