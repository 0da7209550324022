"""Pages of the site that declarations write: ops, passes, switches, the command line."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from mkdocs.utils import get_relative_url

import scancc.tensor as T
from scancc import cli
from scancc.config import SWITCHES
from scancc.ir import dialects as _dialects  # noqa: F401  (declare the ops)
from scancc.ir.ops import OPS, OpDef
from scancc.pass_lists import PIPELINES

PASSES = Path(__file__).parent.parent / "passes"
DIALECTS = {  # what each is for
    "func": "Functions.", "scan": "The recurrence, and what only scancc has.", "tensor": "Arrays as values.",
    "linalg": "Nests over arrays.", "arith": "Arithmetic.", "math": "Elementary functions.",
    "complex": "Complex numbers.",
    "scf": "Loops and branches.", "memref": "Memory.", "vector": "Vectors of a few lanes.", "gpu": "Kernels.",
    "builtin": "The module.",
}


def on_config(config: MkDocsConfig) -> None:
    """Pages import `plots`."""
    sys.path.insert(0, config.docs_dir)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for page in (ops, passes, switches, command_line, tensor):
        content = "\n".join(page()) + "\n"
        files.append(File.generated(config, f"reference/{page.__name__}.md", content=content))
    return files


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Pages that docstrings and help texts name by their files are links; blocks of code are files, by their ids."""
    def link(match: re.Match[str]) -> str:
        file = files.get_file_from_path(match[1]) if match[1] else None  # None: a link as it is
        if file is None or file.page is None:
            return match[0]
        return f'<a href="{file.url_relative_to(page.file)}">{file.page.title or match[0]}</a>'

    html = re.sub(r"&lt;code block: (?:id (\S+?)|session (\w+); n\d+)&gt;", lambda m: m[1] or f"{m[2]}.py", html)
    plain = r'<div class="highlight">(?=<pre><span></span><code>[^<]*</code></pre>)'  # no language: what was printed
    html = re.sub(plain, '<div class="highlight told">', html)
    return re.sub(r"<a .*?</a>|docs/([\w/-]+\.md)", link, html, flags=re.S)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """The search of pages that are opened from a disk, by a script of ours: the theme's is fetched from elsewhere."""
    own = get_relative_url("assets/worker.js", page.url)
    output = output.replace("https://unpkg.com/iframe-worker/shim", own)
    foreign = re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="(https?://[^"]+)"', output)
    if foreign:
        raise PluginError(f"{page.file.src_uri} asks the network for {', '.join(foreign)}")
    return output


def ops() -> Iterator[str]:
    yield ("# IR ops\n\nEvery op as `scancc/ir/dialects` declares it. "
           "[Reading the IR](../ir.md) says how they print.\n")
    by_dialect = defaultdict(list)
    for name, op in OPS.items():
        by_dialect[name.split(".")[0]].append(op)
    for dialect, about in DIALECTS.items():
        yield f"\n## {dialect}\n\n{about}\n\n| op | operands | attributes | traits | meaning |\n|---|---|---|---|---|"
        yield from map(_op_row, by_dialect.pop(dialect))
    assert not by_dialect, f"DIALECTS lacks {', '.join(by_dialect)}"


def _op_row(op: OpDef) -> str:
    attributes = [*op.attrs, *(f"{name}?" for name, _ in op.marks)]
    cells = [f"`{op.name}`", " ".join(op.operands), " ".join(attributes), " ".join(sorted(op.traits)), op.doc]
    return "| " + " | ".join(_escaped(cell) for cell in cells) + " |"


def _escaped(text: str) -> str:
    return re.sub(r"([|*\[\]])", r"\\\1", text)


def passes() -> Iterator[str]:
    yield "---\nhide: [navigation]\n---\n\n# Passes\n"  # the width is for IR before and after, side by side
    yield "Each is a file of `passes/`, with this text at its head. `scancc opt` runs them on IR text.\n"
    for pipeline in ("cpu-scan", "cpu-loop"):
        run = dict.fromkeys(re.match(r"[\w-]+", entry)[0] for entry in PIPELINES[pipeline])  # type: ignore[index]
        yield f"\nThe list `{pipeline}`, in the order in which they run first: " + ", ".join(
            f"[{name}](#{name})" for name in run) + "."
    for path in sorted(PASSES.glob("*.py")):
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
        if text is not None and path.stem != "__init__":
            name = path.stem.replace("_", "-")
            yield f"\n## {name} {{ #{name} }}\n"
            yield from _prose(text)


def _prose(text: str) -> Iterator[str]:
    """A docstring as Markdown: what is indented is code, and `Why:`, `Cost:`, ... begin paragraphs."""
    for line in text.splitlines():
        begins = re.match(r"(Why|Conservative about|Cost|Source|Runs|Limits?):? ", line)
        yield ("\n" if begins else "") + line


VARIABLES = ("scalar", "vector", "row", "col", "matrix", "tensor3", "tensor4", "tensor5")


def tensor() -> Iterator[str]:
    """Functions by the place where a user looks; the many constructors of variables in two sentences."""
    constructors = ", ".join(f"`T.{name}(name)`" for name in VARIABLES)
    yield ("# Tensors\n\n`import scancc.tensor as T`. Variables have NumPy's operators, indexing and methods.\n\n"
           f"**Variables**: {constructors} of `config.floatX`, each with `dtype=` and `shape=`. A letter before is "
           "the dtype, an `s` behind is several: `T.ivector`, `T.dscalars`. `b w i l` are integers of 8 to 64 bits, "
           "`f d` floats, `c z` complex numbers of 32 and 64 bits a part.\n")
    yield from _functions("T", T, "Functions")
    for name in ("linalg", "nnet", "special", "extra_ops"):
        yield from _functions(f"T.{name}", getattr(T, name), f"T.{name}")


def _functions(prefix: str, module: ModuleType, title: str) -> Iterator[str]:
    yield f"\n## {title}\n\n| function | what it gives |\n|---|---|"
    kinds = "|".join(VARIABLES).replace("matrix", "matri(x|ces)")
    for name in sorted(set(module.__all__), key=str.lower):
        value = getattr(module, name)
        about = inspect.getdoc(value)
        if inspect.isroutine(value) and about and not re.fullmatch(rf"[bwilfdcz]?({kinds})s?", name):
            gives = " ".join(about.split("\n\n")[0].split())
            yield f"| `{prefix}.{name}{_parameters(value)}` | {_escaped(gives)} |"


def _parameters(function: Callable[..., object]) -> str:
    """As they are written in a call, without their types."""
    signature = inspect.signature(function)
    plain = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    return str(signature.replace(parameters=plain, return_annotation=signature.empty)).replace("|", "\\|")


def switches() -> Iterator[str]:
    yield ("# Switches\n\n`sc.config.NAME = value`, `with sc.change_flags(NAME=value):`, or the variable.\n\n"
           "| switch | variable | default | values | what it does |\n|---|---|---|---|---|")
    for switch in SWITCHES.values():
        values = ", ".join(f"`{value}`" for value in switch.choices) or switch.type.__name__
        names = f"| `{switch.name}` | `{switch.environment}` | `{switch.default!r}` "
        yield names + f"| {values} | {_escaped(switch.doc)} |"


def command_line() -> Iterator[str]:
    main = cli.main
    yield f"# Command line\n\n{inspect.cleandoc(main.help or '')}\n"
    for name in main.list_commands(click.Context(main)):
        command = main.get_command(click.Context(main), name)
        assert command is not None
        context = click.Context(command, info_name=f"scancc {name}", max_content_width=90, terminal_width=90)
        yield f"\n## {name}\n\n```text\n{command.get_help(context)}\n```"
