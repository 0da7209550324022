"""`scancc completion`: what a shell runs to complete commands, options and their values."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the lines that let a shell complete commands, options and their values.

    \b
    Examples:
      eval "$(scancc completion bash)"                  # in ~/.bashrc; zsh the same, in ~/.zshrc
      scancc completion fish > ~/.config/fish/completions/scancc.fish
    """
    found = get_completion_class(shell)
    assert found is not None, "click has these shells"
    root = click.get_current_context().find_root().command
    click.echo(found(root, {}, "scancc", "_SCANCC_COMPLETE").source())
