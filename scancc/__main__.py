"""`python -m scancc`: the `scancc` command."""

from scancc.cli import main

if __name__ == "__main__":
    main(prog_name="scancc")
