"""The pass lists, one for each road, as data; order matters where a comment says so."""

from __future__ import annotations

CPU_SCAN: tuple[str, ...] = (
    "canonicalize",
    "cse",           # equal sizes become one value, which the passes below compare by identity
    "loop-reversal",  # before what says which rows are kept
    "dead-outputs",  # before licm, which would keep what dead states need alive outside the loop
    "dce",           # readers that only dead parts had
    "sequences",     # before what knows the rows of sequences
    "fuse-scans",    # after dead-outputs, which says what rows are kept, and before it: rows read in the step go
    "dead-outputs",
    "delayed-rows",  # after fuse-scans, which brings in the scans that read such rows
    "peel",          # after what says which rows are kept; before what moves their readers
    "strip-mine",    # after peel, which leaves out steps that fill no block; before what moves what reads blocks
    "fuse-consumers",  # after fuse-scans: readers of one scan's rows move where the other scan is; before check-rows
    "fuse-producers",  # after what makes one loop of several; before licm, which takes invariant parts out again
    "check-rows",    # after dead-outputs, which decides what is kept
    "canonicalize",
    "licm",          # before fuse: an invariant chain becomes a loop nest outside the loop
    "checks-first",
    "cse",
    "dce",
    "interchange",   # after checks-first: nothing in the step may fail; before what looks for arrays in steps
    "split-states",  # after canonicalize, which makes parts of parts one; before fuse, which makes loops of rows
    "parallelize",   # after licm, which takes checks of sizes out of steps, and those that give a scan states
    "reverse-if-conversion",  # before fuse, which would make loops of choices between arrays
    "repeated-squaring",  # after licm, which takes the factor out of the step
    "log-sum-exp",   # after licm, which takes out what its matrix is made of; before fuse, which makes nests of it
    "partial-sort",  # after cse, which makes one reader of equal ones; before fuse, which has nests read parts
    "fuse",
    "cse",           # bodies that fuse brought together share work
    "dce",
    "reciprocal",    # after fuse: a divisor from outside the loop nest is a scalar then
    "short-functions",  # after fuse, which makes scalars of what is the same for all elements
    "divide-once",   # after reciprocal, which leaves divisors that change; before contract, for the new sums
    "common-factors",  # after reciprocal, which makes factors of divisors; before contract, for sums
    "reassociate",   # before contract, which would join a product with the sum that waits for the state
    "latency",       # before contract, which then joins the new product and sum
    "complex-products",  # after fuse, which makes the nests; before contract, for the real ones
    "complex-sums",  # after complex-products, which has sums of its own
    "complex-states",  # before contract, for the products of parts, and time-parallel
    "complex-parts",  # after complex-products and complex-states; before contract, for the real ones
    "contract",      # after fuse: the step's arithmetic is scalar then
    "pair-terms",    # after contract, which makes the multiply-adds of products; before slice
    "vector-states",  # after pair-terms, which makes sums of numbers of them; before slice
    "transpose-factors",  # after contract, which makes products what they are; before slice
    "slice",         # after contract, which makes the last arithmetic of a step
    "tile",          # after contract: the arithmetic stays what it would be in one loop
    "lanes",         # reads the loop nests that fuse made
    "time-parallel",  # after tile and lanes: those scans are the last; before what joins nests
    "turned-rows",   # after tile, which moves what reads rows in the order of the steps
    "delayed-sequences",  # after those that look for what comes of sequences alone
    "split-joins",   # after contract and lanes; before what joins nests
    "multi-output-fusion",  # after contract, which joins no products that others read, and lanes, which joins all
    "fold-transpositions",  # after all that makes or moves products: no order of sums rests on what it does
    "reads-first",   # last: the order that it finds is that in which bufferize writes
)
CPU_LOOP: tuple[str, ...] = (
    "bufferize",
    "promote-buffers-to-stack",  # before plan-memory, which places the others
    "join-rows",     # before plan-memory, which places what is left of arrays
    "series-lanes",  # before plan-memory, which places the memory of lanes; after what makes arrays small
    "short-rows",    # after join-rows, which leaves a row of an array; before plan-memory, and parallel-prefix
    "plan-memory",
    "canonicalize",
    "parallel-prefix",  # before licm, which takes powers out of outer loops
    "row-views",     # before cse and licm, which share the rows and take them further out
    "cse",
    "licm",
    "masked-rounds",  # after licm, which takes bounds out of loops; before what gives loops their lanes
    "split-searches",  # before reductions, which gives both loops of a search their lanes
    "steps-inside",  # before reductions, whose trees it makes; after licm, which takes out of steps what is the same
    "reductions",    # before vectorize: a reduction's form is the same in whole vectors and in what is left
    "guard-indices",  # after reductions: both sides of a test have one form; before vectorize, unroll
    "worksharing",   # where threads are asked for; after what looks for loops that count from 0, before vectorize
    "parallel-rounds",  # after guard-indices, which takes checks out of loops; before vectorize
    "row-lanes",     # after reductions, whose loops it leaves alone; before unroll, which writes out short steps
    "unroll-and-jam",  # after parallel-rounds, which finds loops for it; before vectorize
    "vectorize",     # after licm: what it leaves in a loop it doubles
    "masked-rounds{rounded=true}",  # sums and extremes of floats, whose lanes are there; before stop-early
    "stop-early",    # after vectorize, which takes loops that run to their end; before unroll
    "loop-versioning",  # after vectorize, which makes the vectors that it searches; before expand-integers
    "narrow-counts",   # after vectorize, too
    "expand-integers",  # after vectorize, which makes the lanes
    "unroll",
    "scalar-replacement",  # after unroll: rounds of a loop are straight code then
    "carried-elements",  # after scalar-replacement, which leaves the loads that read what earlier rounds stored
    "asked-checks",  # after reductions, the last to read in checks what sizes are equal
    "dce",
)

GPU_SCAN: tuple[str, ...] = tuple({
    "lanes": "lanes{streams=true}",  # neighbouring threads read a row together
    "fuse-consumers": "fuse-consumers{mixing=false}",  # a thread has its lane, not the row
    "fuse-producers": "fuse-producers{products=false}",  # there are no tiles
}.get(name, name) for name in CPU_SCAN
    # lanes of a thread are worth more than a loop less; tiles serve a core's cache
    if name not in ("fuse-scans", "delayed-rows", "peel", "strip-mine", "interchange", "reverse-if-conversion",
                    "repeated-squaring", "log-sum-exp", "tile", "time-parallel", "turned-rows", "delayed-sequences",
                    "split-joins", "multi-output-fusion",
                    "complex-products", "complex-states", "vector-states", "transpose-factors",
                    "fold-transpositions"))
GPU_LOOP: tuple[str, ...] = (
    "bufferize{in-rows=false grow-rows=false in-registers=0}",
    "plan-memory{guess-sizes=false}",  # a kernel that found a guess too small would have to start again
    "canonicalize",
    "cse",
    "licm",
    "dce",
    "reductions{lanes=false}",
    "map-to-gpu",    # after licm: what no lane changes is computed before, by the host
    "canonicalize",
    "cse",
    "licm",
    "dce",
)

PIPELINES: dict[str, tuple[str, ...]] = {"cpu-scan": CPU_SCAN, "cpu-loop": CPU_LOOP,
                                            "cpu": CPU_SCAN + CPU_LOOP, "gpu-scan": GPU_SCAN,
                                            "gpu-loop": GPU_LOOP, "gpu": GPU_SCAN + GPU_LOOP}

# What serves a processor's registers; C is printed without (`codegen/exports/c`), and has the same numbers.
FOR_REGISTERS: tuple[str, ...] = ("series-lanes", "steps-inside", "row-lanes", "unroll-and-jam", "vectorize",
                                  "stop-early", "loop-versioning", "narrow-counts", "expand-integers", "unroll")

# Passes that write marks for people: the driver brings these up to date before anyone looks at later IR.
ANALYSES: tuple[str, ...] = ("slice",)

# What `config.leave_out` may not name: a program does not run without them, or gets other numbers.
NEEDED = ("bufferize", "check-rows", "common-factors", "complex-parts", "complex-products", "complex-states",
          "contract", "divide-once", "fuse", "latency", "log-sum-exp", "loop-reversal", "map-to-gpu", "pair-terms",
          "parallel-prefix", "plan-memory", "reciprocal", "reductions", "repeated-squaring", "short-functions",
          "split-states", "time-parallel", "transpose-factors", "vector-states")
