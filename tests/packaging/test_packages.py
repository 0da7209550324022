"""The list of packages in pyproject.toml is what is on the disk, in both of its places."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest

import scancc as sc

ROOT = Path(__file__).parents[2]
SETUP = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]


def packages_on_disk() -> set[str]:
    found = set()
    for folder, prefix in (("scancc", "scancc"), ("passes", "scancc.passes"), ("runtime", "scancc.runtime")):
        for path in (ROOT / folder).rglob("__init__.py"):  # does not follow the links
            inner = path.parent.relative_to(ROOT / folder).parts
            found.add(".".join((prefix, *inner)))
    return found


def test_every_package_is_listed_once() -> None:
    assert sorted(SETUP["packages"]) == sorted(packages_on_disk())


def test_every_folder_with_code_is_a_package() -> None:
    folders = {path.parent for name in ("scancc", "passes", "runtime") for path in (ROOT / name).rglob("*.py")}
    assert not [f for f in folders if not (f / "__init__.py").is_file() and f.parent.name != "__pycache__"]


def test_packages_outside_scancc_say_where_they_are() -> None:
    outside = {p for p in SETUP["packages"] if p.startswith(("scancc.passes", "scancc.runtime"))}
    assert {p: SETUP["package-dir"][p] for p in outside} == {
        p: p.removeprefix("scancc.").replace(".", "/") for p in outside
    }


@pytest.mark.skipif((ROOT / "PKG-INFO").exists(), reason="a source distribution has no links")
def test_links_show_the_same_files() -> None:
    for name in ("passes", "runtime"):
        link = ROOT / "scancc" / name
        assert link.is_symlink() and os.readlink(link) == f"../{name}"


def test_the_version_stands_in_two_places_that_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == sc.__version__
    assert f"## {sc.__version__} " in (ROOT / "CHANGELOG.md").read_text()


def test_the_source_distribution_has_what_the_tests_need() -> None:
    """Each folder and file of the repository is a package's, or in MANIFEST.in, or not needed to build and test."""
    words = set((ROOT / "MANIFEST.in").read_text().split())
    here = {p.name for p in ROOT.iterdir() if not p.name.startswith(".") and not p.name.endswith(".egg-info")}
    built = {"out", "build", "dist", "site", "shared", "PKG-INFO", "setup.cfg", "pyproject.toml", "MANIFEST.in"}
    assert not here - words - built - {"scancc", "passes", "runtime"}
