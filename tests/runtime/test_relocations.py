"""aarch64 instructions are patched as the architecture says, checked on any machine.

The encodings are those of the A64 instruction set.
"""

import struct

import pytest

from scancc.runtime.relocations import MACHINES

ARM, X86 = MACHINES["aarch64"], MACHINES["x86_64"]


def patched(machine, kind, word, place, target, nbytes=4):
    memory = bytearray(4096)
    memory[:nbytes] = word.to_bytes(nbytes, "little")
    machine.rules[kind].apply(memory, 0, place, target)
    return int.from_bytes(memory[:nbytes], "little")


@pytest.mark.parametrize(
    ("kind", "word", "place", "target", "expected"),
    [
        (283, 0x94000000, 0x1000, 0x1010, 0x94000004),  # bl +16
        (282, 0x14000000, 0x1010, 0x1000, 0x17FFFFFC),  # b -16
        (280, 0x54000000, 0x1000, 0x1008, 0x54000040),  # b.eq +8
        (275, 0x90000000, 0x1234, 0x5678, 0x90000020),  # adrp x0, +4 pages
        (275, 0x90000000, 0x5678, 0x1234, 0x90FFFFE0),  # adrp x0, -4 pages
        (277, 0x91000000, 0, 0x5678, 0x9119E000),  # add x0, x0, #0x678
        (286, 0xFD400000, 0, 0x5678, 0xFD433C00),  # ldr d0, [x0, #0x678]
        (299, 0x3DC00000, 0, 0x5670, 0x3DC19C00),  # ldr q0, [x0, #0x670]
    ],
)
def test_aarch64_instructions(kind, word, place, target, expected):
    assert patched(ARM, kind, word, place, target) == expected


@pytest.mark.parametrize(
    ("kind", "target"), [(283, 1 << 28), (275, 1 << 34), (280, 1 << 21), (286, 0x674), (261, 1 << 40)]
)
def test_aarch64_out_of_reach(kind, target):
    with pytest.raises((OverflowError, struct.error)):
        patched(ARM, kind, 0, 0, target)


def test_aarch64_stub_jumps_through_its_entry():
    words = struct.unpack("<III", ARM.stub(0x1000, 0x3018))
    assert words == (0xD0000010, 0xF9400E10, 0xD61F0200)  # adrp x16, +2 pages; ldr x16, [x16, #24]; br x16


def test_x86_64_values():
    assert patched(X86, 1, 0, 0, 0x7F0000001234, 8) == 0x7F0000001234
    assert patched(X86, 2, 0, 0x2000, 0x1FFC) == 0xFFFFFFFC
    assert patched(X86, 24, 0, 0x2000, 0x1000, 8) == 2**64 - 0x1000
    with pytest.raises(struct.error):
        patched(X86, 2, 0, 0, 1 << 31)
