#loc1 = loc("seed.py":43:1)
#loc2 = loc("seed.py":46:1)
#loc3 = loc("seed.py":44:1)
#loc4 = loc("seed.py":49:1)
"builtin.module"() ({
  "func.func"() ({
  ^bb0(%coefs: tensor<?xf64>, %x: f64):
    %0 = "arith.constant"() {value = 0 : index} : () -> index
    %1 = "tensor.dim"(%coefs, %0) : (tensor<?xf64>, index) -> index
    %2 = "arith.constant"() {value = 100 : index} : () -> index loc(#loc1)
    %3 = "arith.minsi"(%1, %2) : (index, index) -> index loc(#loc1)
    %4 = "scan.can_exist"(%3) : (index) -> i1 loc(#loc1)
    "scan.check"(%4, %3) {error = "MemoryError", message = "scan: an array of shape ({0},) would have more than 2**47 elements; keep fewer rows, the last with [-1]"} : (i1, index) -> () loc(#loc1)
    %5 = "scan.scan"(%3, %coefs, %3) ({
    ^bb0(%t: index, %coef: f64):
      %power = "arith.index_cast"(%t) : (index) -> i64 loc(#loc2)
      %6 = "arith.sitofp"(%power) : (i64) -> f64 loc(#loc3)
      %7 = "math.powf"(%x, %6) : (f64, f64) -> f64 loc(#loc3)
      %8 = "arith.mulf"(%coef, %7) : (f64, f64) -> f64 loc(#loc3)
      "scan.yield"(%8) : (f64) -> () loc(#loc1)
    }) {depths = [], until = false, operandSegmentSizes = array<i32: 1, 1, 0, 1, 0>} : (index, tensor<?xf64>, index) -> tensor<?xf64> loc(#loc1)
    %6 = "arith.constant"() {value = 0.0 : f64} : () -> f64 loc(#loc4)
    %7 = "tensor.splat"(%6) : (f64) -> tensor<f64> loc(#loc4)
    %8 = "linalg.generic"(%5, %7) ({
    ^bb0(%9: f64, %acc: f64):
      %10 = "arith.addf"(%acc, %9) : (f64, f64) -> f64 loc(#loc4)
      "linalg.yield"(%10) : (f64) -> () loc(#loc4)
    }) {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> ()>], iterator_types = [#linalg.iterator_type<reduction>], operandSegmentSizes = array<i32: 1, 1>} : (tensor<?xf64>, tensor<f64>) -> tensor<f64> loc(#loc4)
    %9 = "tensor.extract"(%8) : (tensor<f64>) -> f64 loc(#loc4)
    "func.return"(%9) : (f64) -> () loc(#loc4)
  }) {sym_name = "function", function_type = (tensor<?xf64>, f64) -> f64} : () -> ()
}) : () -> ()
