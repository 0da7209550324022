"""The disk cache: whole entries or none, whatever happens to the files."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest

from scancc.runtime import cache
from scancc.runtime.cache import MAX_BAD_FILES, DiskCache

ROOT = Path(__file__).parents[2]
KEY = "0123456789abcdef" * 4
OTHER = "f" * 64
PAYLOAD = bytes(range(256)) * 40

posix_only = pytest.mark.skipif(os.name != "posix", reason="POSIX ownership and modes")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "entries"


@pytest.fixture
def disk(folder):
    return DiskCache(folder, 1 << 30)


@pytest.fixture
def entry(disk, folder):
    disk.store(KEY, PAYLOAD)
    return folder / f"{KEY}.bin"


def test_round_trip(disk):
    assert disk.load(KEY) is None
    disk.store(KEY, PAYLOAD)
    disk.store(OTHER, b"")
    assert disk.load(KEY) == PAYLOAD and disk.load(OTHER) == b""
    disk.store(KEY, b"new")
    assert disk.load(KEY) == b"new"


def test_another_process_sees_it(entry, folder):
    assert DiskCache(folder, 1 << 30).load(KEY) == PAYLOAD


@pytest.mark.parametrize("key", ["", "../" + "a" * 32, "A" * 32, "a" * 15, "a" * 32 + "\n", "a" * 129])
def test_keys_are_hashes(disk, key):
    with pytest.raises(ValueError, match="no hexadecimal hash"):
        disk.store(key, b"")
    with pytest.raises(ValueError, match="no hexadecimal hash"):
        disk.load(key)


def test_any_flipped_bit_is_found(disk, entry):
    sealed = entry.read_bytes()
    for at in [*range(60), len(sealed) // 2, len(sealed) - 1]:
        for bit in (0, 7):
            damaged = bytearray(sealed)
            damaged[at] ^= 1 << bit
            entry.write_bytes(damaged)
            assert disk.load(KEY) is None
            assert not entry.exists()
    assert len(list(entry.parent.glob("*.bad"))) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda sealed: b"",
        lambda sealed: sealed[:10],
        lambda sealed: sealed[:-1],
        lambda sealed: sealed + b"\0",
        lambda sealed: b"\x7fELF" + bytes(100),
        lambda sealed: sealed.replace(cache.MAGIC, b"scancc\x00\x02"),
    ],
    ids=["empty", "cut-header", "cut", "longer", "foreign", "other-version"],
)
def test_a_strange_entry_is_set_aside_and_rebuilt(disk, entry, change):
    entry.write_bytes(change(entry.read_bytes()))
    assert disk.load(KEY) is None
    assert entry.with_suffix(".bad").exists()
    disk.store(KEY, PAYLOAD)
    assert disk.load(KEY) == PAYLOAD


def test_an_entry_under_another_name_is_not_taken(disk, entry):
    entry.rename(entry.with_name(f"{OTHER}.bin"))
    assert disk.load(OTHER) is None


def test_bad_files_are_few(disk, folder):
    for i in range(3 * MAX_BAD_FILES):
        key = f"{i:064x}"
        disk.store(key, PAYLOAD)
        (folder / f"{key}.bin").write_bytes(b"damaged")
        assert disk.load(key) is None
    assert len(list(folder.glob("*.bad"))) == MAX_BAD_FILES
    assert not list(folder.glob("*.bin"))


# --- who may write ------------------------------------------------------------------------------------


@posix_only
@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_what_is_no_plain_file_is_set_aside(disk, entry, kind):
    elsewhere = entry.with_name("elsewhere")
    entry.rename(elsewhere)
    if kind == "link":
        entry.symlink_to(elsewhere)
    elif kind == "pipe":
        os.mkfifo(entry)
    else:
        entry.mkdir()
    assert disk.load(KEY) is None
    assert not os.path.lexists(entry)
    disk.store(KEY, PAYLOAD)
    assert disk.load(KEY) == PAYLOAD


@posix_only
def test_an_entry_of_somebody_else_is_not_used(disk, entry, monkeypatch):
    real = os.fstat

    def foreign(descriptor):
        fields = list(real(descriptor))
        fields[4] += 1  # the owner
        return os.stat_result(fields)

    monkeypatch.setattr(cache.os, "fstat", foreign)
    assert disk.load(KEY) is None
    assert entry.with_suffix(".bad").exists()


@posix_only
def test_a_folder_that_all_may_write_is_not_used(disk, entry):
    entry.parent.chmod(0o777)
    with pytest.warns(RuntimeWarning, match="others than this user may write .*; set SCANCC_CACHE_DIR"):
        assert disk.load(KEY) is None
    assert entry.exists()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        disk.store(OTHER, PAYLOAD)
        assert disk.load(OTHER) is None


@posix_only
def test_folder_and_entries_are_private(entry):
    assert entry.parent.stat().st_mode & 0o777 == 0o700
    assert entry.stat().st_mode & 0o777 == 0o600


def test_a_folder_that_cannot_be_made_costs_one_warning(tmp_path):
    (tmp_path / "file").write_text("in the way")
    disk = DiskCache(tmp_path / "file" / "below", 1 << 30)
    with pytest.warns(RuntimeWarning, match="compiled code is not cached") as caught:
        disk.store(KEY, PAYLOAD)
        disk.store(KEY, PAYLOAD)
        assert disk.load(KEY) is None
    assert len(caught) == 1


def test_a_full_disk_leaves_nothing_behind(disk, folder, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache.os, "replace", full)
    with pytest.warns(RuntimeWarning, match="No space left"):
        disk.store(KEY, PAYLOAD)
    assert list(folder.iterdir()) == []


# --- size ---------------------------------------------------------------------------------------------


def test_the_entries_unused_for_longest_go_first(folder):
    disk = DiskCache(folder, 10 * len(PAYLOAD) + 1000)
    for i in range(10):
        disk.store(f"{i:064x}", PAYLOAD)
        os.utime(folder / f"{i:064x}.bin", (1000 + i, 1000 + i))
    assert disk.load(f"{0:064x}") == PAYLOAD  # used now
    disk.store(f"{10:064x}", PAYLOAD)
    disk.store(f"{11:064x}", PAYLOAD)
    disk.sweep()
    left = {int(p.stem, 16) for p in folder.glob("*.bin")}
    assert left == {0, 3, 4, 5, 6, 7, 8, 9, 10, 11}


def test_the_size_is_bounded_without_asking(folder):
    limit = 20 * len(PAYLOAD)
    disk = DiskCache(folder, limit)
    for i in range(200):
        disk.store(f"{i:064x}", PAYLOAD)
        assert sum(p.stat().st_size for p in folder.iterdir()) <= limit * 1.25 + len(PAYLOAD)


def test_what_a_killed_writer_left_goes(disk, entry):
    stale, fresh = (entry.with_name(f".{n}.tmp") for n in ("old", "new"))
    stale.write_bytes(b"half an entry")
    fresh.write_bytes(b"another process writes this")
    os.utime(stale, (time.time() - 7200,) * 2)
    disk.sweep()
    assert not stale.exists() and fresh.exists() and entry.exists()


# --- many processes -----------------------------------------------------------------------------------


def hammer(folder, seed):
    disk = DiskCache(Path(folder), 1 << 20)
    for i in range(150):
        key = f"{i % 5:064x}"
        disk.store(key, bytes([i % 5]) * (20_000 + seed))
        payload = disk.load(key)
        if payload is not None and set(payload) != {i % 5}:
            os._exit(1)
    os._exit(0 if not list(Path(folder).glob("*.bad")) else 2)


def test_many_writers_never_see_half_an_entry(folder):
    start = multiprocessing.get_context("spawn" if sys.platform == "darwin" else "fork")
    writers = [start.Process(target=hammer, args=(str(folder), seed)) for seed in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0, 0, 0]


WRITER = """
import sys
from pathlib import Path
from scancc.runtime.cache import DiskCache
disk = DiskCache(Path(sys.argv[1]), 1 << 30)
i = 0
while True:
    disk.store(f"{i % 20:064x}", bytes([i % 20]) * 2_000_000)
    if i == 3:
        print("started", flush=True)
    i += 1
"""


@posix_only
def test_a_killed_writer_leaves_whole_entries(folder):
    for delay_s in (0.0, 0.005, 0.02):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None and writer.stdout.readline() == "started\n"
        time.sleep(delay_s)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
    disk = DiskCache(folder, 1 << 30)
    found = {i: disk.load(f"{i:064x}") for i in range(20)}
    assert all(payload is None or payload == bytes([i]) * 2_000_000 for i, payload in found.items())
    assert any(found.values()) and not list(folder.glob("*.bad"))


# --- the environment ----------------------------------------------------------------------------------


def test_the_environment_sets_folder_and_switch(tmp_path, monkeypatch):
    monkeypatch.setenv("SCANCC_CACHE_DIR", str(tmp_path / "here"))
    cache.store(KEY, PAYLOAD)
    assert (tmp_path / "here" / f"{KEY}.bin").exists() and cache.load(KEY) == PAYLOAD
    monkeypatch.setenv("SCANCC_CACHE", "0")
    assert cache.load(KEY) is None
    cache.store(OTHER, PAYLOAD)
    monkeypatch.delenv("SCANCC_CACHE")
    assert cache.load(OTHER) is None


def test_the_environment_sets_the_size(tmp_path, monkeypatch):
    monkeypatch.setenv("SCANCC_CACHE_MB", "0.5")
    opened = cache.current()
    assert opened is not None and opened.limit_nbytes == 1 << 19
    monkeypatch.setenv("SCANCC_CACHE_MB", "much")
    with pytest.raises(ValueError, match="SCANCC_CACHE_MB is 'much'; it takes a float"):
        cache.load(KEY)


@posix_only
def test_the_default_folder_follows_the_platform(tmp_path, monkeypatch):
    monkeypatch.delenv("SCANCC_CACHE_DIR")
    monkeypatch.setattr(cache.sys, "platform", "linux")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache.default_folder() == tmp_path / ".cache" / "scancc"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache.default_folder() == tmp_path / "xdg" / "scancc"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache.default_folder() == tmp_path / ".cache" / "scancc"


def test_an_exception_of_a_handler_is_no_failure_of_the_cache(disk, entry, monkeypatch):
    def late(*_):
        raise TimeoutError

    monkeypatch.setattr(cache, "_sealed", late)
    monkeypatch.setattr(cache, "_read_own", late)
    for call in (lambda: disk.store(KEY, b""), lambda: disk.load(KEY)):
        with pytest.raises(TimeoutError):
            call()
    monkeypatch.undo()
    assert disk.load(KEY) == PAYLOAD
