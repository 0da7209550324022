"""Workspaces are aligned, kept, and never lent twice at once."""

from scancc.runtime.buffer import AlignedBuffer, WorkspacePool


def test_alignment():
    assert all(AlignedBuffer(n).address % 64 == 0 for n in (1, 63, 64, 65, 10**6))
    assert AlignedBuffer(100, align_bytes=4096).address % 4096 == 0


def test_a_buffer_is_lent_again():
    pool = WorkspacePool()
    with pool.lend(1000) as first:
        pass
    with pool.lend(500) as second:
        assert second == first


def test_two_calls_at_once_get_two_buffers():
    pool = WorkspacePool()
    with pool.lend(1000) as first, pool.lend(1000) as second:
        assert abs(first - second) >= 1000


def test_only_the_largest_are_kept():
    pool = WorkspacePool(n_kept=1)
    with pool.lend(100), pool.lend(10_000) as large:
        pass
    with pool.lend(10_000) as again:
        assert again == large


def test_no_bytes_need_no_buffer():
    with WorkspacePool().lend(0) as address:
        assert address == 0
