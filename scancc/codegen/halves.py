"""float16 where the processor does not convert it: LLVM calls functions of a compiler's library then; here they are.

Text that is added to a module, under the names that LLVM calls; weak, so that objects that both have
them link, and hidden, so that a library offers them to nobody.
"""

from __future__ import annotations

# The exponent moves from 5 bits to 8 by a product with 2**112, which is right for subnormals too.
_TO_SINGLE = """
define weak hidden float @__extendhfsf2(half %x) nounwind {
  %h = bitcast half %x to i16
  %bits = zext i16 %h to i32
  %sign = and i32 %bits, 32768
  %sign32 = shl i32 %sign, 16
  %size = and i32 %bits, 32767
  %aligned = shl i32 %size, 13
  %small = bitcast i32 %aligned to float
  %number = fmul float %small, 0x46F0000000000000
  %number_bits = bitcast float %number to i32
  %top = or i32 %aligned, 2139095040
  %is_finite = icmp ult i32 %size, 31744
  %size32 = select i1 %is_finite, i32 %number_bits, i32 %top
  %result = or i32 %size32, %sign32
  %f = bitcast i32 %result to float
  ret float %f
}
"""

# Below 2**-14 a sum with 1/2 rounds to multiples of 2**-24; above, 13 bits are rounded off, ties to even, and a carry
# goes into the exponent, to infinity at the end.
_TO_HALF = """
define weak hidden half @__truncsfhf2(float %x) nounwind {
  %bits = bitcast float %x to i32
  %upper = lshr i32 %bits, 16
  %sign = and i32 %upper, 32768
  %size = and i32 %bits, 2147483647
  %rebased = sub i32 %size, 939524096
  %last = lshr i32 %rebased, 13
  %odd = and i32 %last, 1
  %rounding = add i32 %odd, 4095
  %rounded = add i32 %rebased, %rounding
  %normal = lshr i32 %rounded, 13
  %magnitude = bitcast i32 %size to float
  %sum = fadd float %magnitude, 0.5
  %sum_bits = bitcast float %sum to i32
  %subnormal = sub i32 %sum_bits, 1056964608
  %is_small = icmp ult i32 %size, 947912704
  %finite = select i1 %is_small, i32 %subnormal, i32 %normal
  %is_large = icmp uge i32 %size, 1199570944
  %number = select i1 %is_large, i32 31744, i32 %finite
  %is_nan = icmp ugt i32 %size, 2139095040
  %size16 = select i1 %is_nan, i32 32256, i32 %number
  %result = or i32 %size16, %sign
  %low = trunc i32 %result to i16
  %h = bitcast i16 %low to half
  ret half %h
}
"""

CONVERSIONS = _TO_SINGLE + _TO_HALF
