"""Loads what was exported: `NAME.so`, `NAME.o`, `NAME.a`, or the set that the manifest `NAME.json` describes.

The manifest holds `abi_version`, `target`, `file`, `sha256`, `nbytes` (optional), `files` (hashes of the set),
`seals` (those that its files have of themselves, `seals.py`) and `functions`, each with `name`, `run` and `query`
(symbols of the packed ABI), `missing` (that of what the processor lacks), `inputs`, `outputs`, `checks` and `gives`
(optional); `calling.py` has what inputs and outputs say of calls. Each object has the same of its function inside
(`objects.py`), which serves where the manifest is not there.
"""

from __future__ import annotations

import ctypes
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scancc.artifact import Check, Param
from scancc.calling import Calling
from scancc.errors import ScanccError
from scancc.hashes import sha256
from scancc.later import in_role, loaded_later
from scancc.runtime import fastcall, images, objects
from scancc.runtime.cpu import Kernel, check_abi
from scancc.runtime.loaded import Held, function_of
from scancc.runtime.processor import check_features, check_machine
from scancc.seals import LIBRARY, OBJECT, is_whole, seals

if TYPE_CHECKING:
    from scancc.runtime import threads
else:
    threads = loaded_later("scancc.runtime.threads")


class LibraryError(ScanccError, ValueError):
    """A library and its manifest that do not fit together, or that this scancc cannot load."""


def load(path: str | os.PathLike[str]) -> Any:
    """The function in an exported library, or a dict of its functions by name where it has several.

    `path` names the `.so`, the `.a`, an `.o` or the `.json`, which stands for the `.so` where one was linked. Objects
    and archives are loaded without a linker. The code runs in this process: load only files you trust.

    >>> import tempfile
    >>> x, folder = T.vector("x"), tempfile.mkdtemp()
    >>> done = sc.export(sc.function([x], x.sum(), name="total"), folder, emit="o,json")
    >>> sc.runtime.load(f"{folder}/total.o")([1., 2.])
    array(3.)
    """
    manifest_path, held = _manifest_beside(path), Held()
    file = Path(path)
    there = file.is_file() and file != manifest_path
    if not there and not manifest_path.is_file():
        raise FileNotFoundError(f"there is no library {file}, and no manifest {manifest_path} beside it; give the "
                                "path of an exported library, NAME.so")
    if file.suffix in (".o", ".a"):
        return _given(_of_objects(file, _set_of(manifest_path), held))
    if there and not manifest_path.is_file() and (inside := objects.manifests(data := file.read_bytes())):
        _refuse_damaged(data, LIBRARY, file)
        return _given([each for manifest in inside for each in _of_shared(manifest, file, file, held, data)])
    manifest = _read_manifest(manifest_path)
    if not there and "file" not in manifest and "files" in manifest:
        return _given(_of_set(manifest, manifest_path, file, held))
    return _given(_of_shared(manifest, manifest_path, path, held))


Named = tuple[str, Callable[..., Any]]


def _given(functions: Sequence[Named]) -> Callable[..., Any] | dict[str, Callable[..., Any]]:
    found = dict(functions)
    return next(iter(found.values())) if len(found) == 1 else found


def _of_shared(manifest: Mapping[str, Any], manifest_path: Path, path: object, held: Held,
               data: bytes | None = None) -> list[Named]:
    """The functions of a shared library; `data`: its contents, where the manifest is from there."""
    target = _checked_target(manifest, manifest_path, path)
    place = _checked_library(manifest, manifest_path) if data is None else (Path(manifest_path).resolve(), data)
    library = _open(*place)
    return _functions(manifest, lambda symbol: _address(library, symbol), library, target, manifest_path, path, held)


def _of_set(manifest: Mapping[str, Any], manifest_path: Path, path: Path, held: Held) -> list[Named]:
    """The functions of a set without a shared library: of its archive, else of its objects."""
    if path.suffix != ".json":
        raise FileNotFoundError(f"{path} was not linked: no C compiler was found at the export; load {manifest_path} "
                                f"or {manifest_path.with_suffix('.a').name}, which need none")
    names = sorted(manifest.get("files", {}))
    names = [n for n in names if n.endswith(".a")] or [n for n in names if n.endswith(".o")]
    if not names:
        raise LibraryError(f"{manifest_path} describes no library, archive or object; export one of them, too")
    return [each for name in names
            for each in _of_objects(manifest_path.with_name(os.path.basename(name)), _set_of(manifest_path), held)]


def _of_objects(path: Path, described: Mapping[str, Any], held: Held) -> list[Named]:
    """The functions of an object or archive. `described`: the manifest of the set that it belongs to."""
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    data = path.read_bytes()
    if not _is_of_set(path, data, described):
        raise LibraryError(f"{path} and {path.with_suffix('.json')} are of different builds; export all again")
    return _of_bytes(data, path, held)


def load_object(data: bytes, name: str) -> Callable[..., Any]:
    """The function in the bytes of an object that holds one; `name` is what errors call it."""
    (only,) = _of_bytes(data, Path(name), Held())
    return only[1]


def _of_bytes(data: bytes, path: Path, held: Held) -> list[Named]:
    """The functions in the bytes of an object or archive that came from `path`."""
    found: list[Named] = []
    for code in objects.members(data):
        _refuse_damaged(code, OBJECT, path)
        for manifest in objects.manifests(code):
            target = _checked_target(manifest, path, path)
            try:
                library = images.load(code)
            except images.ElfError as error:
                raise LibraryError(f"{path} cannot be loaded ({error}); export it again") from None
            found += _functions(manifest, library.address, library, target, path, path, held)
    if not found:
        raise LibraryError(f"{path} is no object or archive that scancc exported; export it again")
    return found


def _refuse_damaged(data: bytes, which: int, path: object) -> None:
    if not is_whole(data, which):
        how, serves = ("", "") if which == LIBRARY else (
            ", as strip changes an object", "link it, load the .so, which may be stripped, or ")
        raise LibraryError(f"{path} is not as it was exported (damaged, or changed by another tool{how}): "
                           f"its code does not run; {serves}export it again")


def _set_of(manifest_path: Path) -> Mapping[str, Any]:
    """The manifest of a set, where there is one."""
    return _read_manifest(manifest_path) if manifest_path.is_file() else {}


def _is_of_set(path: Path, data: bytes, manifest: Mapping[str, Any]) -> bool:
    """Whether a file is of the build that a manifest describes, which may have been stripped; yes of other files."""
    digest = _table(manifest, "files").get(path.name)
    return digest is None or digest == sha256(data).hexdigest() or _has_seals(path, data, manifest)


def _has_seals(path: Path, data: bytes, manifest: Mapping[str, Any]) -> bool:
    own = seals(data, LIBRARY if path.name == manifest.get("file") else OBJECT)
    return bool(own) and own == _table(manifest, "seals").get(path.name)


def _table(manifest: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = manifest.get(name)
    return found if isinstance(found, dict) else {}


def _checked_target(manifest: Mapping[str, Any], manifest_path: Path, path: object) -> Mapping[str, Any]:
    """What the code is for, which this machine is."""
    check_abi(_get(manifest, "abi_version", int, manifest_path), str(path))
    target, files = manifest.get("target", {}), manifest.get("files", {})
    if not (isinstance(target, dict) and isinstance(target.get("requires", []), list) and isinstance(files, dict)):
        raise LibraryError(f"{manifest_path} is not as this scancc writes manifests; export the library again")
    check_machine(target, path)
    return target


def _functions(manifest: Mapping[str, Any], address: Callable[[str], int], library: object, target: Mapping[str, Any],
               manifest_path: Path, path: object, held: Held) -> list[Named]:
    rows = _get(manifest, "functions", list, manifest_path)
    if not rows:
        raise LibraryError(f"{manifest_path} names no function; export the library again")
    for row in rows:
        _check_features(row, address, target, manifest_path, path)
    fastcall.build(_compiled)
    return [_function(row, address, library, manifest_path, held) for row in rows]


def _compiled(llvm_text: str) -> bytes:
    compiled: bytes = in_role("native code").compile_for_any(llvm_text)
    return compiled


def _manifest_beside(path: object) -> Path:
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"load: the path is {path!r}; give that of an exported library, NAME.so")
    if not Path(path).name or Path(path).is_dir():
        raise FileNotFoundError(f"load: {str(path)!r} is a folder; give the path of an exported library, NAME.so")
    return Path(path).with_suffix(".json")


def _read_manifest(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        raise FileNotFoundError(f"there is no manifest {path}; it must stay beside the library")
    try:
        manifest = json.loads(path.read_bytes())
    except ValueError as error:
        raise LibraryError(f"the manifest {path} is not JSON ({error}); export the library again") from None
    if not isinstance(manifest, dict):
        raise LibraryError(f"the manifest {path} is not a JSON object; export the library again")
    return manifest


def _checked_library(manifest: Mapping[str, Any], manifest_path: Path) -> tuple[Path, bytes]:
    """The library's path and contents, which are the ones that the manifest describes."""
    name = _get(manifest, "file", str, manifest_path)
    if not name or name != os.path.basename(name):
        raise LibraryError(f"the manifest {manifest_path} names the library {name!r}; it must be beside it")
    path = manifest_path.resolve().with_name(name)
    if not path.is_file():
        raise FileNotFoundError(f"the library {path} of the manifest {manifest_path} is not there")
    data = path.read_bytes()
    if _has_seals(path, data, manifest):
        _refuse_damaged(data, LIBRARY, path)
    elif manifest.get("nbytes", len(data)) != len(data) or (
        sha256(data).hexdigest() != _get(manifest, "sha256", str, manifest_path)
    ):
        raise LibraryError(
            f"{path} is not the library that {manifest_path} describes (changed or cut); export both again"
        )
    _check_set(manifest, manifest_path)
    _check_rows(manifest, data, manifest_path)
    return path, data


def _check_rows(manifest: Mapping[str, Any], data: bytes, manifest_path: Path) -> None:
    """Refuse a manifest that says something else of functions than their library does."""
    inside = [row for each in objects.manifests(data) for row in _get(each, "functions", list, manifest_path)]
    if inside and any(row not in inside for row in _get(manifest, "functions", list, manifest_path)):
        raise LibraryError(f"{manifest_path} does not fit its library (it says something else of a function); export "
                           "both again")


def _check_set(manifest: Mapping[str, Any], manifest_path: Path) -> None:
    """Refuse a set of which a file that programs are made with is of another build."""
    for name in manifest.get("files", {}):
        path = manifest_path.resolve().with_name(os.path.basename(name))
        if path.suffix in (".h", ".a", ".o") and path.is_file() and not _is_of_set(path, path.read_bytes(), manifest):
            raise LibraryError(f"{path} and {manifest_path} are of different builds; export all again")


_opened: dict[Path, tuple[str, ctypes.CDLL]] = {}


def _open(path: Path, data: bytes) -> ctypes.CDLL:
    digest = sha256(data).hexdigest()
    known, library = _opened.get(path, (None, None))
    if library is not None and known == digest:
        return library
    try:
        library = ctypes.CDLL(str(path)) if library is None else _open_copy(path, data)
    except OSError as error:
        raise LibraryError(f"the system cannot load {path}: {error}") from None
    _opened[path] = digest, library
    return library


def _open_copy(path: Path, data: bytes) -> ctypes.CDLL:
    # The system knows a loaded library by its path: a new one under the old path would not be read.
    import tempfile  # heavy, and rarely needed

    with tempfile.NamedTemporaryFile(prefix=path.stem, suffix=path.suffix) as copy:
        copy.write(data)
        copy.flush()
        return ctypes.CDLL(copy.name)


def _function(row: Any, address: Callable[[str], int], library: object, manifest_path: Path, held: Held) -> Named:
    try:
        signature = (
            tuple(map(Param.from_json, row["inputs"])),
            tuple(map(Param.from_json, row["outputs"])),
            tuple(map(Check.from_json, row["checks"])),
        )
        _lend_threads(row, address)
        _have_printed(row, address)
        addresses = address(row["run"]), address(row["query"])
        kind = row.get("gives", "one" if row.get("single_output", False) else "list")
        calling = Calling.from_json(kind, row["inputs"], row["outputs"])
        return row["name"], function_of(Kernel.at(row["name"], signature, addresses, library), calling, held)
    except (KeyError, TypeError, ValueError, AttributeError, images.ElfError) as error:
        raise LibraryError(f"{manifest_path} does not fit its library ({error}); export both again") from None


def _lend_threads(row: Any, address: Callable[[str], int]) -> None:
    """Let a function whose loops may be shared use the pool of this process."""
    setter = row.get("flat", {}).get("set_parallel_for")
    if setter is not None:
        threads.build(_compiled)
        ctypes.CFUNCTYPE(None, ctypes.c_void_p)(address(setter))(threads.pool_address())


def _have_printed(row: Any, address: Callable[[str], int]) -> None:
    """What a function's `Print`s show is printed by this process."""
    setter = row.get("flat", {}).get("set_print")
    if setter is not None:
        from scancc.runtime.prints import have_printed  # rarely needed

        have_printed(address(setter))


def _check_features(row: Any, address: Callable[[str], int], target: Mapping[str, Any], manifest_path: Path,
                    path: object) -> None:
    symbol = row.get("missing") if isinstance(row, dict) else None
    try:
        place = address(symbol) if isinstance(symbol, str) else 0
    except (AttributeError, images.ElfError) as error:
        raise LibraryError(f"{manifest_path} does not fit its library ({error}); export both again") from None
    if place:
        check_features(place, target.get("requires", []), path)


def _address(library: ctypes.CDLL, symbol: str) -> int:
    return ctypes.cast(getattr(library, symbol), ctypes.c_void_p).value or 0


def _get(manifest: Mapping[str, Any], name: str, kind: type, path: Path) -> Any:
    if not isinstance(manifest.get(name), kind):
        raise LibraryError(f"{path} has no {name!r} of type {kind.__name__}; export the library again")
    return manifest[name]
