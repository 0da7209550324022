"""`scancc completion`: what a shell runs to complete commands, options, functions and values."""

from __future__ import annotations

import click
from click.shell_completion import BashComplete, get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the lines that let a shell complete commands, options and their values.

    Functions are completed as well: the names in FILE.py:NAME are read from the file, which is not run.

    \b
    Examples:
      eval "$(scancc completion bash)"                  # in ~/.bashrc; zsh the same, in ~/.zshrc
      scancc completion fish > ~/.config/fish/completions/scancc.fish
    """
    found = _Bash if shell == "bash" else get_completion_class(shell)
    assert found is not None, "click has these shells"
    root = click.get_current_context().find_root().command
    click.echo(found(root, {}, "scancc", "_SCANCC_COMPLETE").source())


class _Bash(BashComplete):
    """Bash ends words at colons, so that FILE.py:NAME comes as three and only the last is replaced; and a space
    after a folder would end the path. Click's own lines know neither."""

    source_template = r"""%(complete_func)s() {
    local line="${COMP_LINE:0:COMP_POINT}" IFS=$' \t\n' words current type value
    read -ra words <<< "$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    current="${words[-1]}"
    COMPREPLY=()
    while IFS=, read -r type value; do
        case $type in
            dir) COMPREPLY+=($(IFS=$'\n'; compgen -d -S / -- "$value")) ;;
            file) compopt -o default ;;
            plain) COMPREPLY+=("$value") ;;
        esac
    done < <(COMP_WORDS="${words[*]}" COMP_CWORD=$((${#words[@]} - 1)) %(complete_var)s=bash_complete "$1")
    [[ ${#COMPREPLY[@]} -eq 1 && $COMPREPLY == */ ]] && compopt -o nospace
    if [[ $current == *:* && $COMP_WORDBREAKS == *:* ]]; then
        COMPREPLY=("${COMPREPLY[@]#"${current%%"${current##*:}"}"}")
    fi
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""
