#loc2 = loc("<stdin>":7:8)
#loc3 = loc("<stdin>":7:31)
#loc7 = loc("<stdin>":15:10)
#loc8 = loc("<stdin>":15:21)
#loc12 = loc("<stdin>":25:10)
#loc13 = loc("<stdin>":25:19)
#map = affine_map<(d0) -> (d0)>
#map1 = affine_map<(d0) -> ()>
"builtin.module"() ({
  "func.func"() <{function_type = (tensor<?xf64>, f64) -> f64, sym_name = "function"}> ({
  ^bb0(%arg0: tensor<?xf64> loc("<stdin>":7:8), %arg1: f64 loc("<stdin>":7:31)):
    %0 = "arith.constant"() <{value = 0 : index}> : () -> index loc(#loc4)
    %1 = "tensor.dim"(%arg0, %0) : (tensor<?xf64>, index) -> index loc(#loc5)
    %2 = "arith.constant"() <{value = 100 : index}> : () -> index loc(#loc6)
    %3 = "arith.minsi"(%1, %2) : (index, index) -> index loc(#loc6)
    %4 = "scan.can_exist"(%3) : (index) -> i1 loc(#loc6)
    "scan.check"(%4, %3) {error = "MemoryError", message = "scan: an array of shape ({0},) would have more than 2**47 elements; keep fewer rows, the last with [-1]"} : (i1, index) -> () loc(#loc6)
    %5 = "scan.scan"(%3, %arg0, %3) ({
    ^bb0(%arg4: index loc("<stdin>":15:10), %arg5: f64 loc("<stdin>":15:21)):
      %11 = "arith.index_cast"(%arg4) : (index) -> i64 loc(#loc9)
      %12 = "arith.sitofp"(%11) : (i64) -> f64 loc(#loc10)
      %13 = "math.powf"(%arg1, %12) <{fastmath = #arith.fastmath<none>}> : (f64, f64) -> f64 loc(#loc10)
      %14 = "arith.mulf"(%arg5, %13) <{fastmath = #arith.fastmath<none>}> : (f64, f64) -> f64 loc(#loc10)
      "scan.yield"(%14) : (f64) -> () loc(#loc6)
    }) {depths = [], operandSegmentSizes = array<i32: 1, 1, 0, 1, 0>, until = false} : (index, tensor<?xf64>, index) -> tensor<?xf64> loc(#loc6)
    %6 = "arith.constant"() <{value = 0.000000e+00 : f64}> : () -> f64 loc(#loc11)
    %7 = "tensor.splat"(%6) : (f64) -> tensor<f64> loc(#loc11)
    %8 = "linalg.generic"(%5, %7) <{indexing_maps = [#map, #map1], iterator_types = [#linalg.iterator_type<reduction>], operandSegmentSizes = array<i32: 1, 1>}> ({
    ^bb0(%arg2: f64 loc("<stdin>":25:10), %arg3: f64 loc("<stdin>":25:19)):
      %10 = "arith.addf"(%arg3, %arg2) <{fastmath = #arith.fastmath<none>}> : (f64, f64) -> f64 loc(#loc11)
      "linalg.yield"(%10) : (f64) -> () loc(#loc11)
    }) : (tensor<?xf64>, tensor<f64>) -> tensor<f64> loc(#loc11)
    %9 = "tensor.extract"(%8) : (tensor<f64>) -> f64 loc(#loc11)
    "func.return"(%9) : (f64) -> () loc(#loc11)
  }) : () -> () loc(#loc1)
}) : () -> () loc(#loc)
#loc = loc("<stdin>":5:1)
#loc1 = loc("<stdin>":6:3)
#loc4 = loc("<stdin>":8:10)
#loc5 = loc("<stdin>":9:10)
#loc6 = loc("seed.py":43:1)
#loc9 = loc("seed.py":46:1)
#loc10 = loc("seed.py":44:1)
#loc11 = loc("seed.py":49:1)

