"""Buffers: NumPy arrays and views of them. Loads and stores stay inside or raise."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import types as t
from ..core import Op, within
from ..ops import int_attr, operand
from .arrays import check_index, element_dtype, full_shape, poison
from .machine import Machine, Meaning, Step, bind, bind_scalar, step_rule, value_rule
from .tensors import gather_lanes


def _check_truth(source: np.ndarray, key: tuple[Any, ...] = ()) -> None:
    if np.any(source.view(np.uint8)[key] > 1):
        raise ValueError("reads a truth value that was never written")


def _only_copies(op: Op) -> bool:
    """Whether what is read is only stored again, or used behind a check: then a truth value that was never written
    stays one.

    So the last rows of a scan are copied out of a ring that has fewer, before a check fails for the same reason.
    """
    return all(_stores(user, op) or _is_behind_a_check(user, op) for user in op.result.uses)


def _stores(user: Op, op: Op) -> bool:
    return user.name in ("memref.store", "vector.store") and operand(user, "value") is op.result


def _is_behind_a_check(user: Op, op: Op) -> bool:
    around = None if op.parent is None else within(user, op.parent)
    if around is None or op.parent is None:
        return False
    ops = op.parent.ops
    return any(between.name == "scan.check" for between in ops[ops.index(op):ops.index(around)])


# ---- elements ----


@step_rule("memref.load")
def load(op: Op, machine: Machine) -> Step:
    if machine.lanes:
        return bind(op, gather_lanes)
    truth, check_bounds = op.result.type == t.i1, machine.check_bounds
    copies = truth and _only_copies(op)

    def call(source: np.ndarray, *indices: int) -> Any:
        if check_bounds:
            check_index(indices, source.shape)
        if copies:
            element: np.ndarray = source[indices + (...,)]  # an array keeps the byte, a scalar would not
            return element.copy()
        if truth:
            _check_truth(source, indices)
        return source[indices]
    return bind_scalar(op, call) if op.result.type == t.index else bind(op, call)


@step_rule("memref.store")
def store(op: Op, machine: Machine) -> Step:
    check_bounds = machine.check_bounds

    def call(value: Any, dest: np.ndarray, *indices: int) -> None:
        if check_bounds:
            check_index(indices, dest.shape)
        dest[indices] = value
    return bind(op, call)


@step_rule("vector.load")
def vector_load(op: Op, machine: Machine) -> Step:
    shape = full_shape(op.result.type, ())
    reads_truth = t.element(op.result.type) == t.i1 and not _only_copies(op)

    def call(base: np.ndarray, *indices: int) -> Any:
        key = _adjacent(base, shape, indices)
        if reads_truth:
            _check_truth(base, key)
        return base[key].copy()
    return bind(op, call)


@step_rule("vector.store")
def vector_store(op: Op, machine: Machine) -> Step:
    shape = full_shape(operand(op, "value").type, ())

    def call(value: np.ndarray, base: np.ndarray, *indices: int) -> None:
        base[_adjacent(base, shape, indices)] = value
    return bind(op, call)


def _adjacent(base: np.ndarray, lanes: tuple[int, ...], indices: tuple[int, ...]) -> tuple[Any, ...]:
    """The key of `lanes` elements from `indices` on, along the last axes."""
    lead = len(indices) - len(lanes)
    ends = [*indices[:lead], *(i + n - 1 for i, n in zip(indices[lead:], lanes, strict=True))]
    check_index(indices, base.shape)
    check_index(ends, base.shape)
    if lanes[-1] > 1 and base.strides[-1] != base.itemsize:
        raise ValueError(f"the last axis has stride {base.strides[-1] // base.itemsize}; "
                         "a vector needs adjacent elements")
    return (*indices[:lead], *(slice(i, i + n) for i, n in zip(indices[lead:], lanes, strict=True)))


# ---- sums joined in pairs ----


@value_rule("memref.alloca")
def alloca(op: Op) -> Meaning:
    shape, dtype = full_shape(op.result.type, ()), element_dtype(op.result.type)
    return lambda: poison(shape, dtype)


def _join(op: Op) -> Callable[[Any, np.ndarray, int, int], Any]:
    """Gives the sum of all terms in the last block, else None; one block is the sum itself, of no terms, too."""
    size = int_attr(op, "size")

    def call(value: Any, stack: np.ndarray, first: int, end: int) -> Any:
        if end <= size:
            return value
        number, is_last, level = first // size, end - first <= size, 0
        while number >> level & 1 or is_last and number >> level:
            if number >> level & 1:
                value = stack[level] + value
            level += 1
        if is_last:
            return value
        stack[level] = value
        return None
    return call


@value_rule("scan.join")
def join(op: Op) -> Meaning:
    of = _join(op)

    def call(value: Any, stack: np.ndarray, first: int, end: int) -> Any:
        with np.errstate(all="ignore"):
            total = of(value, stack, first, end)
        return value if total is None else total
    return call


@value_rule("scan.add_block")
def add_block(op: Op) -> Meaning:
    of, size = _join(op), int_attr(op, "size")

    def call(block: np.ndarray, dest: np.ndarray, place: int) -> np.ndarray:
        if place <= 0 or place % size:
            return dest
        blocks = dest.copy()
        with np.errstate(all="ignore"):
            of(block.ravel(), blocks, place - size, place + 1)
        return blocks
    return call


@value_rule("scan.sum_blocks")
def sum_blocks(op: Op) -> Meaning:
    of, size = _join(op), int_attr(op, "size")

    def call(block: np.ndarray, blocks: np.ndarray, end: int) -> np.ndarray:
        with np.errstate(all="ignore"):
            return np.reshape(of(block.ravel(), blocks, (end - 1) // size * size, end), block.shape)
    return call


@value_rule("scan.running")
def running(op: Op) -> Meaning:
    return lambda value, first, end: value


@value_rule("scan.join_row")
def join_row(op: Op) -> Meaning:
    of = _join(op)

    def call(row: np.ndarray, stack: np.ndarray, first: int, end: int) -> None:
        with np.errstate(all="ignore"):
            total = of(row, stack, first, end)
        row[...] = -row.dtype.type(0) if total is None else total
    return call


# ---- products ----


@value_rule("scan.matmul")
def matmul(op: Op) -> Meaning:
    def call(lhs: np.ndarray, rhs: np.ndarray, out: np.ndarray, *room: np.ndarray) -> None:
        with np.errstate(all="ignore"):
            out[...] = _product(lhs.T if op.attrs["transposed"] else lhs, rhs.T if "by_columns" in op.attrs else rhs)
    return call


BLOCK_TERMS = 64


def _product(lhs: np.ndarray, rhs: np.ndarray) -> np.ndarray:
    """Sums of blocks in order, joined as a binary counter counts."""
    sums: list[tuple[int, np.ndarray]] = []  # of 2**level blocks, the last on top
    for first in range(0, len(rhs), BLOCK_TERMS):
        level, total = 0, np.zeros(lhs.shape[:-1] + rhs.shape[1:], rhs.dtype)
        for k in range(first, min(first + BLOCK_TERMS, len(rhs))):
            total = total + np.multiply.outer(lhs[..., k], rhs[k])
        while sums and (sums[-1][0] == level or first + BLOCK_TERMS >= len(rhs)):
            level, total = sums[-1][0] + 1, sums.pop()[1] + total
        sums.append((level, total))
    return sums[0][1] if sums else np.zeros(lhs.shape[:-1] + rhs.shape[1:], rhs.dtype)


# ---- whole buffers ----


@value_rule("memref.copy")
def copy(op: Op) -> Meaning:
    def call(source: np.ndarray, dest: np.ndarray) -> None:
        if source.shape != dest.shape:
            raise ValueError(f"a copy from shape {source.shape} to {dest.shape}")
        if _same(source, dest):
            return
        if np.shares_memory(source, dest):
            raise ValueError("the buffers overlap")
        dest[...] = source
    return call


@value_rule("scan.buffer_move")
def move(op: Op) -> Meaning:
    def call(source: np.ndarray, dest: np.ndarray) -> None:
        if source.shape != dest.shape:
            raise ValueError(f"a move from shape {source.shape} to {dest.shape}")
        dest[...] = source.copy()
    return call


@value_rule("scan.buffer_transpose")
def transpose(op: Op) -> Meaning:
    def call(source: np.ndarray, dest: np.ndarray) -> None:
        if source.shape[::-1] != dest.shape:
            raise ValueError(f"a transposition from shape {source.shape} to {dest.shape}")
        if np.shares_memory(source, dest):
            raise ValueError("the buffers overlap")
        dest[...] = source.T
    return call


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    return a.ctypes.data == b.ctypes.data and a.strides == b.strides


@value_rule("memref.view")
def view(op: Op) -> Meaning:
    type, dtype = op.result.type, element_dtype(op.result.type)

    def call(source: np.ndarray, offset: int, *dims: int) -> np.ndarray:
        shape = full_shape(type, dims)
        size = math.prod(shape) * dtype.itemsize
        if offset < 0 or offset + size > len(source):
            raise IndexError(f"{size} bytes from {offset} are not inside a buffer of {len(source)} bytes")
        if offset % dtype.itemsize:
            raise ValueError(f"offset {offset} is not a multiple of {dtype.itemsize}, an element's size")
        return source[offset:offset + size].view(dtype).reshape(shape)
    return call


@value_rule("scan.buffer_reshape")
def reshape(op: Op) -> Meaning:
    def call(source: np.ndarray, *dims: int) -> np.ndarray:
        shape = full_shape(op.result.type, dims)
        size = math.prod(shape)
        if not source.flags.c_contiguous:
            raise ValueError("the buffer is not contiguous")
        if size > source.size:
            raise IndexError(f"{size} elements out of a buffer of {source.size}")
        return source.reshape(-1)[:size].reshape(shape)
    return call


@value_rule("scan.buffer_constant")
def buffer_constant(op: Op) -> Meaning:
    data = op.attrs["value"].data.view()
    data.flags.writeable = False
    return lambda: data
