"""What loop nests ask of their maps and types."""

from __future__ import annotations

from ..constraints import shape_of
from ..core import Op
from ..parts import Nest
from ..types import PARALLEL, REDUCTION, MemRefType, TensorType, element


def check_generic(op: Op) -> str | None:
    nest = Nest(op)
    return _check_maps(nest) or _check_operands(nest) or _check_outputs(nest) or _check_by_columns(nest)


def _check_by_columns(nest: Nest) -> str | None:
    if "by_columns" not in nest.op.attrs:
        return None
    rank, dims = len(nest.kinds) - 1, [read.dims for read in nest.reads]
    left = {*range(rank - 1), rank}
    if nest.reduced == [rank] and len(dims) == 2 and (rank - 1, rank) in dims and any(
            {*read} == left and len(read) == rank for read in dims):
        return None
    return "by_columns is said of a product whose last loop dimensions are columns and terms of the right factor"


def _check_maps(nest: Nest) -> str | None:
    maps, kinds = nest.maps, nest.kinds
    if len(maps) != len(nest.op.operands):
        return "indexing_maps must have one map for each operand"
    if any(m.n_dims != len(kinds) for m in maps):
        return "each map must be over all loop dimensions"
    if any(kind not in (PARALLEL, REDUCTION) for kind in kinds):
        return "a loop dimension is parallel or reduction"
    walked = {dim for m in maps for dim in m.results}
    missing = [dim for dim in range(len(kinds)) if dim not in walked]
    return f"no map says how far loop dimension {missing[0]} runs" if missing else None


def _check_operands(nest: Nest) -> str | None:
    if len(nest.op.body.args) != len(nest.op.operands):
        return "the region must have one argument for each operand"
    for number, (value, arg, dims) in enumerate([*nest.reads, *nest.writes]):
        if element(value.type) != arg.type:
            return f"operand {number} is {value.type}, its argument {arg.type}; that must be its element"
        if len(shape_of(value.type)) != len(dims):
            return f"map {number} must have one result for each axis of {value.type}"
    return None


def _check_outputs(nest: Nest) -> str | None:
    outputs = nest.outputs
    if not all(isinstance(v.type, (TensorType, MemRefType)) for v in outputs):
        return "outputs are tensors or buffers"
    if [v.type for v in nest.elements] != [element(v.type) for v in outputs]:
        return "linalg.yield must give one element for each output"
    if [v.type for v in nest.op.results] != [v.type for v in outputs if isinstance(v.type, TensorType)]:
        return "results must have the types of the outputs that are tensors"
    parallel = [dim for dim, kind in enumerate(nest.kinds) if kind == PARALLEL]
    walked = [sorted(dim for dim in dims if dim is not None) for _, _, dims in nest.writes]
    if parallel not in walked or any(dims not in (parallel, list(nest.identity)) for dims in walked):
        return ("the maps of outputs must have each parallel dimension once, and no other; beside such an output, "
                "one may have every dimension once")
    return None


def check_index(op: Op) -> str | None:
    nest = op.parent_op()
    kinds = nest.attrs.get("iterator_types", ()) if nest is not None else ()
    return None if op.attrs["dim"].value < len(kinds) else f"dim must be below {len(kinds)}, the nest's dimensions"
