"""Symbolic inputs with the dtype in the name: `dvector`, `imatrices` and their kin.

The prefixes are b w i l for integers of 8 to 64 bits, f d for floats and c z for complex numbers of single and double
precision. `dvector` is a type; calling it makes an input. Written out, so that a type checker knows each name.
"""

from __future__ import annotations

from scancc.tensor.constructors import several_of as _several_of
from scancc.tensor.constructors import types_of as _types_of

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
