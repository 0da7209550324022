"""Symbolic inputs with the dtype in the name: `dvector`, `imatrices` and their kin.

The prefixes are b w i l for integers of 8 to 64 bits, f d for floats and c z for complex numbers of single and double
precision. `dvector` is a type; calling it makes an input. Written out, so that a type checker knows each name.
"""

from __future__ import annotations

from scancc.tensor.constructors import several_of as _several_of
from scancc.tensor.constructors import types_of as _types_of

__all__ = [
    "bcol", "bcols", "bmatrices", "bmatrix", "brow", "brows", "bscalar", "bscalars", "btensor3", "btensor3s",
    "btensor4", "btensor4s", "btensor5", "btensor5s", "bvector", "bvectors", "ccol", "ccols", "cmatrices",
    "cmatrix", "crow", "crows", "cscalar", "cscalars", "ctensor3", "ctensor3s", "ctensor4", "ctensor4s", "ctensor5",
    "ctensor5s", "cvector", "cvectors", "dcol", "dcols", "dmatrices", "dmatrix", "drow", "drows", "dscalar",
    "dscalars", "dtensor3", "dtensor3s", "dtensor4", "dtensor4s", "dtensor5", "dtensor5s", "dvector", "dvectors",
    "fcol", "fcols", "fmatrices", "fmatrix", "frow", "frows", "fscalar", "fscalars", "ftensor3", "ftensor3s",
    "ftensor4", "ftensor4s", "ftensor5", "ftensor5s", "fvector", "fvectors", "icol", "icols", "imatrices",
    "imatrix", "irow", "irows", "iscalar", "iscalars", "itensor3", "itensor3s", "itensor4", "itensor4s", "itensor5",
    "itensor5s", "ivector", "ivectors", "lcol", "lcols", "lmatrices", "lmatrix", "lrow", "lrows", "lscalar",
    "lscalars", "ltensor3", "ltensor3s", "ltensor4", "ltensor4s", "ltensor5", "ltensor5s", "lvector", "lvectors",
    "wcol", "wcols", "wmatrices", "wmatrix", "wrow", "wrows", "wscalar", "wscalars", "wtensor3", "wtensor3s",
    "wtensor4", "wtensor4s", "wtensor5", "wtensor5s", "wvector", "wvectors", "zcol", "zcols", "zmatrices",
    "zmatrix", "zrow", "zrows", "zscalar", "zscalars", "ztensor3", "ztensor3s", "ztensor4", "ztensor4s", "ztensor5",
    "ztensor5s", "zvector", "zvectors",
]

bscalar, bvector, brow, bcol, bmatrix, btensor3, btensor4, btensor5 = _types_of("int8")
wscalar, wvector, wrow, wcol, wmatrix, wtensor3, wtensor4, wtensor5 = _types_of("int16")
iscalar, ivector, irow, icol, imatrix, itensor3, itensor4, itensor5 = _types_of("int32")
lscalar, lvector, lrow, lcol, lmatrix, ltensor3, ltensor4, ltensor5 = _types_of("int64")
fscalar, fvector, frow, fcol, fmatrix, ftensor3, ftensor4, ftensor5 = _types_of("float32")
dscalar, dvector, drow, dcol, dmatrix, dtensor3, dtensor4, dtensor5 = _types_of("float64")
cscalar, cvector, crow, ccol, cmatrix, ctensor3, ctensor4, ctensor5 = _types_of("complex64")
zscalar, zvector, zrow, zcol, zmatrix, ztensor3, ztensor4, ztensor5 = _types_of("complex128")

bscalars, bvectors, brows, bcols, bmatrices, btensor3s, btensor4s, btensor5s = _several_of("int8")
wscalars, wvectors, wrows, wcols, wmatrices, wtensor3s, wtensor4s, wtensor5s = _several_of("int16")
iscalars, ivectors, irows, icols, imatrices, itensor3s, itensor4s, itensor5s = _several_of("int32")
lscalars, lvectors, lrows, lcols, lmatrices, ltensor3s, ltensor4s, ltensor5s = _several_of("int64")
fscalars, fvectors, frows, fcols, fmatrices, ftensor3s, ftensor4s, ftensor5s = _several_of("float32")
dscalars, dvectors, drows, dcols, dmatrices, dtensor3s, dtensor4s, dtensor5s = _several_of("float64")
cscalars, cvectors, crows, ccols, cmatrices, ctensor3s, ctensor4s, ctensor5s = _several_of("complex64")
zscalars, zvectors, zrows, zcols, zmatrices, ztensor3s, ztensor4s, ztensor5s = _several_of("complex128")
