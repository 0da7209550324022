"""Objects load without a linker; damaged ones raise, and never take the process down."""

import ctypes
import dataclasses
import gc
import math
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from scancc.runtime import elf, images
from tests.runtime.kernels import compile_ir

ROOT = Path(__file__).parents[2]

PROGRAM = """
declare double @pow(double, double)
declare ptr @memcpy(ptr, ptr, i64)
@table = private constant [4 x double] [double 1.0, double 2.0, double 4.0, double 8.0]
@counter = global i64 40
@cleared = internal global [1000 x i64] zeroinitializer
@pointer = global ptr @square
@functions = constant [2 x ptr] [ptr @square, ptr @pow]
define i64 @square(i64 %x) {
  %y = mul i64 %x, %x
  ret i64 %y
}
define double @lookup(i64 %i) {
  %at = getelementptr [4 x double], ptr @table, i64 0, i64 %i
  %v = load double, ptr %at
  %p = call double @pow(double %v, double 3.0)
  ret double %p
}
define i64 @count() {
  %n = load i64, ptr @counter
  %m = add i64 %n, 1
  store i64 %m, ptr @counter
  %z = load i64, ptr getelementptr ([1000 x i64], ptr @cleared, i64 0, i64 999)
  %s = add i64 %m, %z
  ret i64 %s
}
define i64 @through_pointer(i64 %x) {
  %f = load ptr, ptr @pointer
  %y = call i64 %f(i64 %x)
  ret i64 %y
}
define double @through_table(double %x) {
  %f = load ptr, ptr getelementptr ([2 x ptr], ptr @functions, i64 0, i64 1)
  %y = call double %f(double %x, double 2.0)
  ret double %y
}
"""


@pytest.fixture(scope="module")
def code():
    return compile_ir(PROGRAM)


def function(library, name, result, *arguments):
    return ctypes.CFUNCTYPE(result, *arguments)(library.address(name))


def test_data_calls_and_pointers_are_relocated(code):
    library = elf.load(code)
    assert function(library, "lookup", ctypes.c_double, ctypes.c_int64)(2) == 64.0
    assert function(library, "through_pointer", ctypes.c_int64, ctypes.c_int64)(9) == 81
    assert function(library, "through_table", ctypes.c_double, ctypes.c_double)(3.0) == 9.0


def test_each_load_has_data_of_its_own(code):
    first, second = elf.load(code), elf.load(code)
    count_first = function(first, "count", ctypes.c_int64)
    assert [count_first(), count_first()] == [41, 42]
    assert function(second, "count", ctypes.c_int64)() == 41


def test_code_is_not_writable_and_data_not_executable(code):
    library = elf.load(code)
    maps = {}
    for line in Path("/proc/self/maps").read_text().splitlines():
        span, protection, *_ = line.split()
        start, stop = (int(part, 16) for part in span.split("-"))
        maps[range(start, stop)] = protection
    of = {name: next(p for r, p in maps.items() if library.address(name) in r) for name in library.symbols}
    assert of["square"] == of["count"] == "r-xp"
    assert of["counter"] == of["pointer"] == "rw-p"


def test_memory_goes_with_the_library(code):
    before = len(Path("/proc/self/maps").read_text().splitlines())
    for _ in range(50):
        elf.load(code)
    gc.collect()
    assert len(Path("/proc/self/maps").read_text().splitlines()) < before + 20


def test_unknown_symbol_is_named(code):
    with pytest.raises(elf.ElfError, match="defines no symbol 'sqare'; it defines .*square"):
        elf.load(code).address("sqare")


@pytest.mark.parametrize("name", ["system", "malloc", "PyObject_Call"])
def test_only_allowed_functions_are_called(name):
    body = f"%r = call i32 @{name}(ptr %a)\n ret i32 %r"
    text = f"declare i32 @{name}(ptr)\ndefine i32 @run(ptr %a) {{\n {body}\n}}"
    with pytest.raises(elf.ElfError, match=f"calls '{name}'"):
        elf.load(compile_ir(text))


def test_an_object_may_call_libraries():
    low = elf.load(compile_ir("define i64 @low(i64 %a) {\n %r = add i64 %a, 1\n ret i64 %r\n}"))
    text = "declare i64 @low(i64)\ndefine i64 @high(i64 %a) {\n %r = call i64 @low(i64 %a)\n ret i64 %r\n}"
    high = elf.load(compile_ir(text), (low,))
    assert function(high, "high", ctypes.c_int64, ctypes.c_int64)(41) == 42
    with pytest.raises(elf.ElfError, match="calls 'low'"):
        elf.load(compile_ir(text), (high,))


@pytest.mark.parametrize("name", sorted(images.ALLOWED_SYMBOLS & set(dir(math)) - {"frexp", "modf", "ldexp"}))
def test_allowed_functions_are_in_the_c_library(name):
    assert images.external(name)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "cut or damaged"),
        (b"\x7fELF", "cut or damaged"),
        (b"MZ" + bytes(100), "no 64-bit little-endian ELF"),
        (b"; LLVM IR text, not an object " * 5, "no 64-bit little-endian ELF"),
    ],
)
def test_other_files_are_refused(data, message):
    with pytest.raises(elf.ElfError, match=message):
        elf.load(data)


def test_object_of_another_machine_is_refused(code):
    with pytest.raises(elf.ElfError, match="for ELF machine 8; this one is"):
        elf.load(code[:18] + b"\x08\x00" + code[20:])


def test_a_cut_object_is_refused(code):
    for length in range(0, len(code), 97):
        with pytest.raises(elf.ElfError):
            elf.load(code[:length])


FUZZ = """
import random, sys
from scancc.runtime import elf
data = open(sys.argv[1], "rb").read()
random.seed(int(sys.argv[2]))
loaded = refused = 0
for _ in range(1500):
    damaged = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 8))):
        # half of the damage goes where the tables are
        at = random.randrange(len(data)) if random.random() < 0.5 else -1 - random.randrange(len(data) // 2)
        damaged[at] = random.choice((0, 1, 0x7F, 0x80, 0xFF, random.randrange(256)))
    try:
        elf.load(bytes(damaged))
        loaded += 1
    except elf.ElfError:
        refused += 1
print(loaded, refused)
"""


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 2])
def test_damaged_objects_raise_and_never_crash(code, tmp_path, seed):
    path = tmp_path / "code.o"
    path.write_bytes(code)
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FUZZ), str(path), str(seed)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    loaded, refused = map(int, result.stdout.split())
    assert loaded > 0 and refused > 0


def test_an_image_is_placed_as_its_object_is_loaded(code):
    (linked,) = elf.linked([code])
    assert images.Image.from_bytes(linked).to_bytes() == linked
    for _ in range(2):  # at two places
        library = images.load(linked)
        assert set(library.symbols) == set(elf.load(code).symbols)
        assert function(library, "lookup", ctypes.c_double, ctypes.c_int64)(2) == 64.0
        assert function(library, "count", ctypes.c_int64)() == 41
        assert function(library, "through_pointer", ctypes.c_int64, ctypes.c_int64)(9) == 81
        assert function(library, "through_table", ctypes.c_double, ctypes.c_double)(3.0) == 9.0


def test_images_call_those_before_them():
    low = "define i64 @low(i64 %a) {\n %r = add i64 %a, 1\n ret i64 %r\n}"
    high = "declare i64 @low(i64)\ndefine i64 @high(i64 %a) {\n %r = call i64 @low(i64 %a)\n ret i64 %r\n}"
    first, second = elf.linked([compile_ir(low), compile_ir(high)])
    library = images.load(second, (images.load(first),))
    assert function(library, "high", ctypes.c_int64, ctypes.c_int64)(41) == 42
    with pytest.raises(elf.ElfError, match="calls 'low'"):
        images.load(second)


def test_a_damaged_image_is_refused(code):
    (linked,) = elf.linked([code])
    image = images.Image.from_bytes(linked)
    page, (code_end, const_end, end) = images.PAGE_BYTES, image.ends
    for field, value in [("ends", (code_end, const_end, end + 8)), ("ends", (end, const_end, end)),
                         ("ends", (code_end, const_end, images.MAX_IMAGE_BYTES + page)), ("ends", (-page, page, end)),
                         ("own", (*image.own, len(image.content))), ("own", (-8,)), ("own", ("x",)),
                         ("outside", ((len(image.content) - 7, "pow"),)), ("outside", (("pow", 0),)),
                         ("symbols", {"square": end + 1}), ("symbols", ["square"]), ("content", bytes(end + 1))]:
        with pytest.raises(elf.ElfError, match="compile it again"):
            images.load(dataclasses.replace(image, **{field: value}).to_bytes())
    for length in range(0, len(linked) - len(image.content), 7):
        with pytest.raises(elf.ElfError):
            images.load(linked[:length])
    with pytest.raises(elf.ElfError, match="calls 'system'"):
        images.load(dataclasses.replace(image, outside=((0, "system"),)).to_bytes())
