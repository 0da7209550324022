"""The folders that packagers expect: lib/ with a soname, include/, pkg-config's file and CMake's package.

    PREFIX/include/NAME.h
    PREFIX/lib/libNAME.a  libNAME.so -> libNAME.so.1 -> libNAME.so.1.2.3  libNAME.json
    PREFIX/lib/pkgconfig/NAME.pc  PREFIX/lib/cmake/NAME/NAMEConfig.cmake  NAMEConfigVersion.cmake

No file has the prefix in it: each finds the others from where it lies, so that the whole may be moved or staged.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from scancc.late_dataclasses import dataclass

from ..c_names import ExportError
from ..target import Target

KINDS = ("a", "so", "h", "json")

_TEXT = re.compile(r"(?:([A-Za-z0-9_][\w.+-]*)-)?(\d+(?:\.\d+){0,3})", re.ASCII)


@dataclass(frozen=True)
class Link:
    """A symbolic link to a file beside it."""

    to: str


@dataclass(frozen=True)
class Install:
    """A library's name and version, the first number of which changes where programs must be linked again."""

    name: str
    version: str

    @property
    def soname(self) -> str:
        return f"lib{self.name}.so.{self.version.split('.')[0]}"

    def path(self, kind: str) -> str:
        """Where a file lies under the prefix."""
        name = f"lib{self.name}"
        return {"h": f"include/{self.name}.h", "so": f"lib/{name}.so.{self.version}"}.get(kind, f"lib/{name}.{kind}")

    def links(self) -> dict[str, Link]:
        """The names that programs are linked with, and run with, for the library."""
        library, plain = f"lib{self.name}.so.{self.version}", f"lib{self.name}.so"
        found = {} if library == self.soname else {f"lib/{self.soname}": Link(library)}
        return {**found, f"lib/{plain}": Link(self.soname)}

    def descriptions(self, kinds: Collection[str], target: Target) -> dict[str, str]:
        """What pkg-config and CMake read, of a library that has files of these kinds."""
        folder = f"lib/cmake/{self.name}/{self.name}Config"
        targets = "".join(_CMAKE_TARGETS[kind] for kind in ("a", "so") if kind in kinds)
        texts = {f"lib/pkgconfig/{self.name}.pc": _PKG_CONFIG, f"{folder}Version.cmake": _CMAKE_VERSION,
                 f"{folder}.cmake": _CMAKE_HEAD + targets + _CMAKE_TAIL}
        return {path: self._filled(template, target) for path, template in texts.items()}

    def _filled(self, template: str, target: Target) -> str:
        words = {"NAME": self.name, "VERSION": self.version, "MAJOR": self.version.split(".")[0],
                 "SONAME": self.soname, "ARCHIVE": self.path("a"), "LIBRARY": self.path("so"), "LIBM": _libm(target),
                 "POINTER": "4" if target.is_32_bit else "8"}
        return re.sub(r"@([A-Z]+)@", lambda found: words[found[1]], template)


_PKG_CONFIG = """\
prefix=${pcfiledir}/../..
libdir=${prefix}/lib
includedir=${prefix}/include

Name: @NAME@
Description: functions compiled by scancc
Version: @VERSION@
Libs: -L${libdir} -l@NAME@
Libs.private: @LIBM@
Cflags: -I${includedir}
"""

_CMAKE_HEAD = """\
# @NAME@::@NAME@ is @NAME@::shared where that is there, else @NAME@::static.
get_filename_component(_scancc_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
"""

_CMAKE_TARGETS = {
    "a": """
if(NOT TARGET @NAME@::static)
  add_library(@NAME@::static STATIC IMPORTED)
  set_target_properties(@NAME@::static PROPERTIES
    IMPORTED_LOCATION "${_scancc_prefix}/@ARCHIVE@"
    IMPORTED_LINK_INTERFACE_LANGUAGES "C"
    INTERFACE_INCLUDE_DIRECTORIES "${_scancc_prefix}/include"
    INTERFACE_LINK_LIBRARIES "@LIBM@")
endif()
""",
    "so": """
if(NOT TARGET @NAME@::shared)
  add_library(@NAME@::shared SHARED IMPORTED)
  set_target_properties(@NAME@::shared PROPERTIES
    IMPORTED_LOCATION "${_scancc_prefix}/@LIBRARY@"
    IMPORTED_SONAME "@SONAME@"
    INTERFACE_INCLUDE_DIRECTORIES "${_scancc_prefix}/include")
endif()
""",
}

_CMAKE_TAIL = """
if(NOT TARGET @NAME@::@NAME@)
  add_library(@NAME@::@NAME@ INTERFACE IMPORTED)
  if(TARGET @NAME@::shared)
    set_target_properties(@NAME@::@NAME@ PROPERTIES INTERFACE_LINK_LIBRARIES @NAME@::shared)
  else()
    set_target_properties(@NAME@::@NAME@ PROPERTIES INTERFACE_LINK_LIBRARIES @NAME@::static)
  endif()
endif()
unset(_scancc_prefix)
"""

_CMAKE_VERSION = """\
set(PACKAGE_VERSION "@VERSION@")
if("${PACKAGE_FIND_VERSION_MAJOR}" STREQUAL "@MAJOR@" AND NOT PACKAGE_VERSION VERSION_LESS PACKAGE_FIND_VERSION)
  set(PACKAGE_VERSION_COMPATIBLE TRUE)
endif()
if(PACKAGE_FIND_VERSION VERSION_EQUAL PACKAGE_VERSION)
  set(PACKAGE_VERSION_EXACT TRUE)
endif()
if(NOT "${CMAKE_SIZEOF_VOID_P}" STREQUAL "" AND NOT "${CMAKE_SIZEOF_VOID_P}" STREQUAL "@POINTER@")
  set(PACKAGE_VERSION_UNSUITABLE TRUE)
endif()
"""


def install_of(text: object, name: str) -> Install:
    """What `install=` says: VERSION, or NAME-VERSION; `name`: of a library that is not named."""
    found = _TEXT.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ExportError(f"install is {text!r}; give the version, as '1.2.0', or the library's name and the "
                          "version, as 'filters-1.2.0'")
    return Install(found[1] or name, found[2])


def _libm(target: Target) -> str:
    """What links the mathematical library, where a system has it apart."""
    return "-lm" if target.system[0] in ("linux", "freebsd") else ""
