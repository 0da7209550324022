#loc1 = loc("seed.py":43:1)
#loc2 = loc("seed.py":46:1)
#loc3 = loc("seed.py":44:1)
#loc4 = loc("seed.py":49:1)
"builtin.module"() ({
  "func.func"() ({
  ^bb0(%coefs: memref<?xf64>, %x: memref<f64>, %result0: memref<f64>, %workspace: memref<?xi8>):
    %0 = "arith.constant"() {value = 0 : index} : () -> index
    %1 = "arith.constant"() {value = 1 : index} : () -> index loc(#loc1)
    %2 = "memref.dim"(%coefs, %0) : (memref<?xf64>, index) -> index
    %x_1 = "memref.load"(%x) : (memref<f64>) -> f64
    %3 = "arith.constant"() {value = 100 : index} : () -> index loc(#loc1)
    %4 = "arith.minsi"(%2, %3) : (index, index) -> index loc(#loc1)
    %5 = "scan.can_exist"(%4) : (index) -> i1 loc(#loc1)
    "scan.check"(%5, %4) {error = "MemoryError", message = "scan: an array of shape ({0},) would have more than 2**47 elements; keep fewer rows, the last with [-1]"} : (i1, index) -> () loc(#loc1)
    %6 = "memref.view"(%workspace, %0, %4) : (memref<?xi8>, index, index) -> memref<?xf64> loc(#loc1)
    "scf.for"(%0, %4, %1) ({
    ^bb0(%t: index):
      %7 = "memref.load"(%coefs, %t) : (memref<?xf64>, index) -> f64 loc(#loc1)
      %power = "arith.index_cast"(%t) : (index) -> i64 loc(#loc2)
      %8 = "arith.sitofp"(%power) : (i64) -> f64 loc(#loc3)
      %9 = "math.powf"(%x_1, %8) : (f64, f64) -> f64 loc(#loc3)
      %10 = "arith.mulf"(%7, %9) : (f64, f64) -> f64 loc(#loc3)
      "memref.store"(%10, %6, %t) : (f64, memref<?xf64>, index) -> () loc(#loc3)
      "scf.yield"() : () -> () loc(#loc3)
    }) : (index, index, index) -> () loc(#loc3)
    %7 = "arith.constant"() {value = 0.0 : f64} : () -> f64 loc(#loc4)
    %8 = "arith.constant"() {value = 8 : index} : () -> index loc(#loc4)
    %9 = "arith.cmpi"(%4, %8) {predicate = 5 : i64} : (index, index) -> i1 loc(#loc4)
    %10, %11 = "scf.if"(%9) ({
      %12 = "arith.constant"() {value = 16 : index} : () -> index loc(#loc4)
      %13 = "arith.remsi"(%4, %12) : (index, index) -> index loc(#loc4)
      %14 = "arith.subi"(%4, %13) : (index, index) -> index loc(#loc4)
      %15 = "arith.constant"() {value = -0.0 : f64} : () -> f64 loc(#loc4)
      %16 = "vector.broadcast"(%15) : (f64) -> vector<8xf64> loc(#loc4)
      %17 = "memref.alloca"() : () -> memref<40x8xf64> loc(#loc4)
      %18 = "arith.constant"() {value = 0 : index} : () -> index loc(#loc4)
      %19 = "arith.constant"() {value = 1 : index} : () -> index loc(#loc4)
      %20 = "arith.constant"() {value = 512 : index} : () -> index loc(#loc4)
      %21 = "scf.for"(%18, %14, %20, %16) ({
      ^bb0(%22: index, %23: vector<8xf64>):
        %24 = "arith.constant"() {value = 0 : index} : () -> index loc(#loc4)
        %25 = "arith.cmpi"(%22, %24) {predicate = 1 : i64} : (index, index) -> i1 loc(#loc4)
        "scf.if"(%25) ({
          %26 = "arith.divsi"(%22, %20) : (index, index) -> index loc(#loc4)
          %27 = "arith.constant"() {value = 1 : index} : () -> index loc(#loc4)
          %28 = "arith.subi"(%26, %27) : (index, index) -> index loc(#loc4)
          "vector.store"(%23, %17, %28, %18) : (vector<8xf64>, memref<40x8xf64>, index, index) -> () loc(#loc4)
          "scf.yield"() : () -> () loc(#loc4)
        }, {
          "scf.yield"() : () -> () loc(#loc4)
        }) : (i1) -> () loc(#loc4)
        %26 = "arith.addi"(%22, %20) : (index, index) -> index loc(#loc4)
        %27 = "arith.minsi"(%26, %14) : (index, index) -> index loc(#loc4)
        %28 = "arith.constant"() {value = -0.0 : f64} : () -> f64 loc(#loc4)
        %29 = "vector.broadcast"(%28) : (f64) -> vector<16xf64> loc(#loc4)
        %30 = "arith.constant"() {value = 16 : index} : () -> index loc(#loc4)
        %31 = "scf.for"(%22, %27, %30, %29) ({
        ^bb0(%32: index, %33: vector<16xf64>):
          %34 = "vector.load"(%6, %32) : (memref<?xf64>, index) -> vector<16xf64> loc(#loc4)
          %35 = "arith.addf"(%33, %34) : (vector<16xf64>, vector<16xf64>) -> vector<16xf64> loc(#loc4)
          "scf.yield"(%35) : (vector<16xf64>) -> () loc(#loc4)
        }) {vector = 16 : i64} : (index, index, index, vector<16xf64>) -> vector<16xf64> loc(#loc4)
        %32 = "scan.fold_lanes"(%31) {kind = #vector.kind<add>} : (vector<16xf64>) -> vector<8xf64> loc(#loc4)
        "scf.yield"(%32) : (vector<8xf64>) -> () loc(#loc4)
      }) : (index, index, index, vector<8xf64>) -> vector<8xf64> loc(#loc4)
      %22 = "arith.subi"(%14, %19) : (index, index) -> index loc(#loc4)
      %23 = "arith.divsi"(%22, %20) : (index, index) -> index loc(#loc4)
      %24 = "vector.load"(%17, %23, %18) : (memref<40x8xf64>, index, index) -> vector<8xf64> loc(#loc4)
      %25 = "arith.constant"() {value = 8 : index} : () -> index loc(#loc4)
      %26 = "arith.remsi"(%4, %25) : (index, index) -> index loc(#loc4)
      %27 = "arith.subi"(%4, %26) : (index, index) -> index loc(#loc4)
      %28 = "arith.constant"() {value = -0.0 : f64} : () -> f64 loc(#loc4)
      %29 = "vector.broadcast"(%28) : (f64) -> vector<8xf64> loc(#loc4)
      %30 = "arith.constant"() {value = 8 : index} : () -> index loc(#loc4)
      %31 = "scf.for"(%14, %27, %30, %29) ({
      ^bb0(%32: index, %33: vector<8xf64>):
        %34 = "vector.load"(%6, %32) : (memref<?xf64>, index) -> vector<8xf64> loc(#loc4)
        %35 = "arith.addf"(%33, %34) : (vector<8xf64>, vector<8xf64>) -> vector<8xf64> loc(#loc4)
        "scf.yield"(%35) : (vector<8xf64>) -> () loc(#loc4)
      }) {vector = 8 : i64} : (index, index, index, vector<8xf64>) -> vector<8xf64> loc(#loc4)
      %32 = "arith.addf"(%24, %31) : (vector<8xf64>, vector<8xf64>) -> vector<8xf64> loc(#loc4)
      %33 = "vector.reduction"(%32) {kind = #vector.kind<add>} : (vector<8xf64>) -> f64 loc(#loc4)
      "scf.yield"(%33, %27) : (f64, index) -> () loc(#loc4)
    }, {
      %12 = "arith.constant"() {value = -0.0 : f64} : () -> f64 loc(#loc4)
      %13 = "arith.constant"() {value = 0 : index} : () -> index loc(#loc4)
      "scf.yield"(%12, %13) : (f64, index) -> () loc(#loc4)
    }) : (i1) -> (f64, index) loc(#loc4)
    %12 = "arith.constant"() {value = -0.0 : f64} : () -> f64 loc(#loc4)
    %13 = "scf.for"(%11, %4, %1, %12) ({
    ^bb0(%14: index, %15: f64):
      %16 = "memref.load"(%6, %14) : (memref<?xf64>, index) -> f64 loc(#loc4)
      %17 = "arith.addf"(%15, %16) : (f64, f64) -> f64 loc(#loc4)
      "scf.yield"(%17) : (f64) -> () loc(#loc4)
    }) : (index, index, index, f64) -> f64 loc(#loc4)
    %14 = "arith.addf"(%10, %13) : (f64, f64) -> f64 loc(#loc4)
    %15 = "arith.addf"(%7, %14) : (f64, f64) -> f64 loc(#loc4)
    "memref.store"(%15, %result0) : (f64, memref<f64>) -> () loc(#loc4)
    "func.return"() : () -> () loc(#loc4)
  }) {sym_name = "function", function_type = (memref<?xf64>, memref<f64>, memref<f64>, memref<?xi8>) -> (), n_inputs = 2 : i64, planned = 1 : i64} : () -> ()
  "func.func"() ({
  ^bb0(%coefs: memref<?xf64>, %x: memref<f64>, %result0: memref<f64>, %workspace: memref<?xi8>):
    %0 = "arith.constant"() {value = 0 : index} : () -> index
    %1 = "memref.dim"(%coefs, %0) : (memref<?xf64>, index) -> index
    %2 = "arith.constant"() {value = 100 : index} : () -> index loc(#loc1)
    %3 = "arith.minsi"(%1, %2) : (index, index) -> index loc(#loc1)
    %4 = "scan.can_exist"(%3) : (index) -> i1 loc(#loc1)
    "scan.check"(%4, %3) {error = "MemoryError", message = "scan: an array of shape ({0},) would have more than 2**47 elements; keep fewer rows, the last with [-1]"} : (i1, index) -> () loc(#loc1)
    %5 = "arith.constant"() {value = 8 : index} : () -> index
    %6 = "arith.muli"(%3, %5) : (index, index) -> index
    %7 = "arith.constant"() {value = 63 : index} : () -> index
    %8 = "arith.addi"(%6, %7) : (index, index) -> index
    %9 = "arith.constant"() {value = -64 : index} : () -> index
    %10 = "arith.andi"(%8, %9) : (index, index) -> index
    "func.return"(%10) : (index) -> ()
  }) {sym_name = "function__query", function_type = (memref<?xf64>, memref<f64>, memref<f64>, memref<?xi8>) -> index, return_slots = array<i64: 5>} : () -> ()
}) : () -> ()
