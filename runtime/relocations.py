"""How each machine writes addresses into code: its relocations and its call stubs.

A rule gets the memory, the place in it, the place's address, and the target's address with the addend.
It raises OverflowError or struct.error where the target is out of reach. What is written rests on how far the target
is, or on its place in a page, but for whole addresses.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple

Apply = Callable[[bytearray, int, int, int], None]


class Rule(NamedTuple):
    """`through_table`: the target is the symbol's entry in the table of addresses, not the symbol. `is_address`: what
    is written is the target's address."""

    apply: Apply
    nbytes: int = 4
    through_table: bool = False
    is_address: bool = False


class Machine(NamedTuple):
    number: int
    rules: dict[int, Rule]
    stub_nbytes: int
    stub: Callable[[int, int], bytes]


def _absolute(layout: str) -> Rule:
    def apply(memory: bytearray, at: int, place: int, target: int) -> None:
        struct.pack_into(layout, memory, at, target & 2**64 - 1 if layout == "<Q" else target)

    return Rule(apply, struct.calcsize(layout), is_address=True)


def _relative(layout: str, through_table: bool = False) -> Rule:
    def apply(memory: bytearray, at: int, place: int, target: int) -> None:
        struct.pack_into(layout, memory, at, target - place)

    return Rule(apply, struct.calcsize(layout), through_table)


def _x86_stub(stub: int, entry: int) -> bytes:
    return b"\xff\x25" + struct.pack("<i", entry - (stub + 6)) + b"\x66\x90"  # jmp *entry(%rip)


_X86_64 = Machine(
    number=62,
    rules={
        1: _absolute("<Q"),  # R_X86_64_64
        2: _relative("<i"),  # PC32
        4: _relative("<i"),  # PLT32
        9: _relative("<i", through_table=True),  # GOTPCREL
        10: _absolute("<I"),  # 32
        11: _absolute("<i"),  # 32S
        24: _relative("<q"),  # PC64
        41: _relative("<i", through_table=True),  # GOTPCRELX
        42: _relative("<i", through_table=True),  # REX_GOTPCRELX
    },
    stub_nbytes=8,
    stub=_x86_stub,
)


def _patch(memory: bytearray, at: int, mask: int, bits: int) -> None:
    (word,) = struct.unpack_from("<I", memory, at)
    struct.pack_into("<I", memory, at, (word & ~mask) | (bits & mask))


def _signed(value: int, n_bits: int) -> int:
    if not -(1 << n_bits - 1) <= value < 1 << n_bits - 1:
        raise OverflowError
    return value


def _arm_page(through_table: bool = False) -> Rule:
    def apply(memory: bytearray, at: int, place: int, target: int) -> None:
        pages = _signed((target >> 12) - (place >> 12), 21)
        _patch(memory, at, 0x60FFFFE0, (pages & 3) << 29 | (pages >> 2 & 0x7FFFF) << 5)

    return Rule(apply, through_table=through_table)


def _arm_low12(shift: int, through_table: bool = False) -> Rule:
    """The address within its 4 KiB page, in units of the access's size."""

    def apply(memory: bytearray, at: int, place: int, target: int) -> None:
        if target & (1 << shift) - 1:
            raise OverflowError
        _patch(memory, at, 0x003FFC00, (target & 0xFFF) >> shift << 10)

    return Rule(apply, through_table=through_table)


def _arm_branch(n_bits: int, position: int) -> Rule:
    def apply(memory: bytearray, at: int, place: int, target: int) -> None:
        words = _signed((target - place) >> 2, n_bits)
        _patch(memory, at, (1 << n_bits) - 1 << position, (words & (1 << n_bits) - 1) << position)

    return Rule(apply)


def _arm_stub(stub: int, entry: int) -> bytes:
    pages = (entry >> 12) - (stub >> 12)
    adrp = 0x90000010 | (pages & 3) << 29 | (pages >> 2 & 0x7FFFF) << 5  # adrp x16, entry
    ldr = 0xF9400210 | (entry & 0xFFF) >> 3 << 10  # ldr x16, [x16, :lo12:entry]
    return struct.pack("<III", adrp, ldr, 0xD61F0200)  # br x16


_AARCH64 = Machine(
    number=183,
    rules={
        257: _absolute("<Q"),  # R_AARCH64_ABS64
        258: _absolute("<I"),  # ABS32
        260: _relative("<q"),  # PREL64
        261: _relative("<i"),  # PREL32
        275: _arm_page(),  # ADR_PREL_PG_HI21
        277: _arm_low12(0),  # ADD_ABS_LO12_NC
        278: _arm_low12(0),  # LDST8_ABS_LO12_NC
        279: _arm_branch(14, 5),  # TSTBR14
        280: _arm_branch(19, 5),  # CONDBR19
        282: _arm_branch(26, 0),  # JUMP26
        283: _arm_branch(26, 0),  # CALL26
        284: _arm_low12(1),  # LDST16_ABS_LO12_NC
        285: _arm_low12(2),  # LDST32_ABS_LO12_NC
        286: _arm_low12(3),  # LDST64_ABS_LO12_NC
        299: _arm_low12(4),  # LDST128_ABS_LO12_NC
        311: _arm_page(through_table=True),  # ADR_GOT_PAGE
        312: _arm_low12(3, through_table=True),  # LD64_GOT_LO12_NC
    },
    stub_nbytes=16,
    stub=_arm_stub,
)

MACHINES = {"x86_64": _X86_64, "aarch64": _AARCH64}
