"""`scancc cache`: the folder of compiled code."""

from __future__ import annotations

import click

from scancc.runtime.cache import DiskCache, current


@click.group()
def cache() -> None:
    """Show or empty the cache of compiled code.

    \b
    Examples:
      scancc cache size
      scancc cache clear
    """


@cache.command()
def size() -> None:
    """Print the cache's folder, its entries and what it may hold."""
    click.echo(described(current()))


@cache.command()
def clear() -> None:
    """Remove every entry of the cache; what programs have loaded stays."""
    found = current()
    if found is None:
        raise click.ClickException("there is no cache: SCANCC_CACHE=0 switches it off")
    click.echo(f"removed {_entries(found.clear())} from {found.folder}")


def described(found: DiskCache | None) -> str:
    """A line on a cache, or that there is none."""
    if found is None:
        return "off (SCANCC_CACHE=0)"
    n_entries, nbytes = found.size()
    return (f"{found.folder}: {_entries(n_entries)}, {nbytes / 2**20:.1f} of {found.limit_nbytes / 2**20:.0f} MiB "
            "(SCANCC_CACHE_DIR, SCANCC_CACHE_MB)")


def _entries(count: int) -> str:
    return f"{count} entr{'y' if count == 1 else 'ies'}"
