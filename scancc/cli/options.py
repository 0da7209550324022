"""What several commands take."""

from __future__ import annotations

from typing import Any

import click

# An argument such as -4 is no option.
NUMBERS = {"ignore_unknown_options": True}

target_option = click.option("--target", default="native", metavar="CPU|TRIPLE|sm_XX", show_default=True,
                             help="native, x86-64-v3, aarch64-linux-gnu, sm_90, ...")


def target_named(text: str) -> Any:
    """The target that `--target` names; None for this machine."""
    from scancc.codegen import target

    return None if text == "native" else target.parse(text)
