"""A plain program in C, and Google Benchmark: calls of NAME_call on a struct that is filled once.

Both begin with the same part, which makes inputs of given sizes and measures the machine: `NAME=N` on the command
line sets a size, `peak_gflops=` and `bandwidth_gbs=` what is else measured. The numbers are the same in both.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..entry import Entry, Names, scalar_of
from ..states import fields
from .roofline import Cost, Size, bound_of, is_whole, sizes_of

_FUNCTIONS = {"min": "fmin({}, {})", "max": "fmax({}, {})", "//": "trunc(({}) / ({}))", "%": "fmod({}, {})",
              "lines": "(64.0 * ceil(({}) / 64.0))"}

_CASE = """\
#include "@LIBRARY@.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_SIZES = @N_SIZES@, N_OWNED = @N_OWNED@ };
static const char *const size_names[N_SIZES + 1] = {@SIZE_NAMES@NULL};
static int64_t sizes[N_SIZES + 1] = {@DEFAULTS@0};
static double peak_flops = 0.0, bandwidth = 0.0; /* of this machine, a second */
static void *owned[N_OWNED + 1];
static int n_owned = 0;

static void *room(int64_t nbytes)
{
    void *const found = calloc((size_t)(nbytes > 0 ? nbytes : 1), 1);
    if (found == NULL) {
        fprintf(stderr, "no memory for %lld bytes\\n", (long long)nbytes);
        exit(1);
    }
    return owned[n_owned++] = found;
}

/* Numbers from 0 to 1, the same ones for each call that is set up. */
static uint32_t number_state = 1;

static double next_number(void)
{
    number_state = number_state * 1664525u + 1013904223u;
    return number_state / 4294967296.0;
}

@FILLS@
static void failed(int32_t status, const @NAME@_arguments *a)
{
    char text[512];
    @NAME@_error(status, a->values, text, (int64_t)sizeof text);
    fprintf(stderr, "@NAME@: %s\\n", text);
    exit(1);
}

/* A call of these sizes, with all memory that it takes. */
static void set_up(@NAME@_arguments *a, const int64_t *size)
{
    int32_t status;
    (void)size;
    number_state = 1;
    memset(a, 0, sizeof *a);
@INPUTS@
    if ((status = @NAME@_call_query(a)) != 0)
        failed(status, a);
@OUTPUTS@
    if ((status = @NAME@_call_query(a)) != 0)
        failed(status, a);
    a->workspace = room(a->workspace_nbytes);
    if ((status = @NAME@_call(a)) != 0)
        failed(status, a);
}

static void tear_down(void)
{
    while (n_owned > 0)
        free(owned[--n_owned]);
}

/* Operations on floats (an elementary function counts as @CALL_FLOPS@), and bytes of inputs and outputs. */
static double flops_of(const int64_t *size)
{
    (void)size;
    return @FLOPS@;
}

static double nbytes_of(const int64_t *size)
{
    (void)size;
    return @NBYTES@;
}

/* The least time that the machine's peak and bandwidth allow. */
static double bound_s(const int64_t *size)
{
    return fmax(flops_of(size) / peak_flops, nbytes_of(size) / bandwidth);
}

/* The peak of one core, as this file is compiled: chains of products and sums in registers. How many chains a
   compiler keeps there differs, so that there are several numbers of them. */
#if defined(FP_FAST_FMA) && defined(FP_FAST_FMAF)
#define JOINED(a, b, c) @FMA@(a, b, c)
#else
#define JOINED(a, b, c) ((a) * (b) + (c))
#endif
#define PEAK_WORK(N_CHAINS) \\
    static double peak_work_##N_CHAINS(int64_t n) \\
    { \\
        @REAL@ sums[N_CHAINS], total = 0; \\
        for (int j = 0; j < N_CHAINS; ++j) \\
            sums[j] = (@REAL@)next_number(); \\
        const @REAL@ factor = (@REAL@)0.999, term = (@REAL@)next_number(); \\
        for (int64_t i = 0; i < n; ++i) \\
            for (int j = 0; j < N_CHAINS; ++j) \\
                sums[j] = JOINED(sums[j], factor, term); \\
        for (int j = 0; j < N_CHAINS; ++j) \\
            total += sums[j]; \\
        return (double)total; \\
    }
PEAK_WORK(32)
PEAK_WORK(64)
PEAK_WORK(96)

static int set_size(const char *text)
{
    const char *const value = strchr(text, '=');
    if (value == NULL)
        return 0;
    const double number = strtod(value + 1, NULL);
    if (strncmp(text, "peak_gflops=", 12) == 0)
        return peak_flops = 1e9 * number, 1;
    if (strncmp(text, "bandwidth_gbs=", 14) == 0)
        return bandwidth = 1e9 * number, 1;
    for (int i = 0; i < N_SIZES; ++i)
        if (strlen(size_names[i]) == (size_t)(value - text)
                && strncmp(text, size_names[i], strlen(size_names[i])) == 0)
            return sizes[i] = (int64_t)number, 1;
    return 0;
}

/* Measures what the command line did not say; `now_s` tells seconds. The bytes are of a copy in memory as large as
   the call's: in the caches that it fits into. */
static void calibrate(double (*now_s)(void))
{
    static double (*const works[])(int64_t) = {peak_work_32, peak_work_64, peak_work_96};
    volatile double sink = 0.0;
    for (int64_t n = 1 << 15, round = 0; peak_flops == 0.0 || (round > 0 && round < 15); ++round) {
        const double start = now_s();
        sink = sink + works[round % 3](n);
        const double flops = (double)(2 * 32 * n * (1 + round % 3));
        peak_flops = fmax(peak_flops, flops / fmax(now_s() - start, 1e-9));
    }
    if (bandwidth != 0.0)
        return;
    const int64_t n = (int64_t)fmax(4096.0, fmin(nbytes_of(sizes), 1e9)) / 16 * 8;
    char *const from = (char *)malloc((size_t)n), *const to = (char *)malloc((size_t)n);
    if (from == NULL || to == NULL)
        exit(1);
    memset(from, 1, (size_t)n);
    const int64_t repeats = 1 + 100000000 / n;
    for (int round = 0; round < 5; ++round) {
        const double start = now_s();
        for (int64_t i = 0; i < repeats; ++i) {
            from[i % n] = (char)i;
            memcpy(to, from, (size_t)n);
            sink = sink + to[(7 * i) % n];
        }
        bandwidth = fmax(bandwidth, 2.0 * (double)n * (double)repeats / fmax(now_s() - start, 1e-9));
    }
    free(from);
    free(to);
}
"""

_MAIN = """\
/* Times calls of @NAME@ in blocks, and says which share of the roofline they have.
 *
 *   cc -std=c99 -O3 -march=native -I. @NAME@_bench.c @LIBRARY@.a -lm -o @NAME@_bench
 *   ./@NAME@_bench @USAGE@[peak_gflops=N] [bandwidth_gbs=N]
 */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 199309L
#endif
#include <time.h>

@CASE@
static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; ++i)
        if (!set_size(argv[i])) {
            fprintf(stderr, "%s is no size; give @USAGE@[peak_gflops=N] [bandwidth_gbs=N]\\n", argv[i]);
            return 1;
        }
    @NAME@_arguments call;
    set_up(&call, sizes);
    double best = 1e300, start = now_s();
    @NAME@_call(&call);
    const int64_t calls = 1 + (int64_t)(0.02 / fmax(now_s() - start, 1e-8));
    for (int block = 0; block < 9; ++block) {
        start = now_s();
        for (int64_t i = 0; i < calls; ++i)
            @NAME@_call(&call);
        best = fmin(best, (now_s() - start) / (double)calls);
    }
    printf("@NAME@");
    for (int i = 0; i < N_SIZES; ++i)
        printf(" %s=%lld", size_names[i], (long long)sizes[i]);
    printf(": %.6g us a call", 1e6 * best);
    if (nbytes_of(sizes) > 0.0) {
        calibrate(now_s);
        printf(", %.1f %% of the roofline (%.4g Gflop/s of %.4g, %.4g GB/s of %.4g)", 100.0 * bound_s(sizes) / best,
               1e-9 * flops_of(sizes) / best, 1e-9 * peak_flops, 1e-9 * nbytes_of(sizes) / best, 1e-9 * bandwidth);
    }
    printf("\\n");
    tear_down();
    return 0;
}
"""

_GOOGLE = """\
// Google Benchmark of @NAME@; the counter `roofline` is the share of what the machine's peak and bandwidth allow.
//
//   @NAME@_bench @USAGE@[peak_gflops=N] [bandwidth_gbs=N] [--benchmark_...]
#include <benchmark/benchmark.h>

#include <chrono>
#include <string>
#include <vector>

@CASE@
static double now_s()
{
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

static void run(benchmark::State &state)
{
    int64_t size[N_SIZES + 1] = {0};
    for (int i = 0; i < N_SIZES; ++i)
        size[i] = state.range(i);
    @NAME@_arguments call;
    set_up(&call, size);
    const double start = now_s();
    for (auto _ : state) {
        benchmark::DoNotOptimize(@NAME@_call(&call));
        benchmark::ClobberMemory();
    }
    const double end = now_s(), n = static_cast<double>(state.iterations());
    if (nbytes_of(size) > 0.0) {
        state.counters["flops"] = benchmark::Counter(n * flops_of(size), benchmark::Counter::kIsRate);
        state.counters["bytes"] = benchmark::Counter(n * nbytes_of(size), benchmark::Counter::kIsRate);
        state.counters["roofline"] = n * bound_s(size) / (end - start);
    }
    tear_down();
}

int main(int argc, char **argv)
{
    int left = 1;
    for (int i = 1; i < argc; ++i)
        if (!set_size(argv[i]))
            argv[left++] = argv[i];
    argc = left;
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv))
        return 1;
    calibrate(now_s);
    auto *const made = benchmark::RegisterBenchmark("@NAME@", run);
    std::vector<std::string> names(size_names, size_names + N_SIZES);
    std::vector<int64_t> values(sizes, sizes + N_SIZES);
    if (N_SIZES > 0)
        made->ArgNames(names)->Args(values);
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}
"""

_CMAKE = """\
# include() this file in a project with C++; the target is @NAME@_bench.
find_package(benchmark REQUIRED)
add_executable(@NAME@_bench "${CMAKE_CURRENT_LIST_DIR}/@NAME@_bench.cc")
set_target_properties(@NAME@_bench PROPERTIES CXX_STANDARD 17 CXX_STANDARD_REQUIRED ON)
target_include_directories(@NAME@_bench PRIVATE "${CMAKE_CURRENT_LIST_DIR}")
target_link_libraries(@NAME@_bench PRIVATE "${CMAKE_CURRENT_LIST_DIR}/@LIBRARY@.a" benchmark::benchmark)
if(UNIX)
  target_link_libraries(@NAME@_bench PRIVATE m)
endif()
"""


def main_text(library: str, entry: Entry, cost: Cost | None) -> str:
    """NAME_bench.c."""
    return _filled(_MAIN, library, entry, cost)


def google_text(library: str, entry: Entry, cost: Cost | None) -> str:
    """NAME_bench.cc."""
    return _filled(_GOOGLE, library, entry, cost)


def cmake_text(library: str, entry: Entry) -> str:
    """NAME_bench.cmake."""
    return replaced(_CMAKE, {"NAME": entry.name, "LIBRARY": library})


def replaced(template: str, words: dict[str, str]) -> str:
    return re.sub(r"@([A-Z_]+)@", lambda found: words.get(found[1], found[0]), template)


def _filled(template: str, library: str, entry: Entry, cost: Cost | None) -> str:
    sizes = sizes_of(entry)
    at = {size: n for n, size in enumerate(sizes)}
    bound = bound_of(entry, cost, lambda size: f"(double)size[{at[size]}]", _FUNCTIONS)
    arrays = [p for n, p in enumerate(entry.inputs) if _has_array(entry, n)]
    words = {
        "NAME": entry.name, "LIBRARY": library, "N_SIZES": str(len(sizes)),
        "N_OWNED": str(len(arrays) + len(entry.outputs) + 1), "SIZE_NAMES": "".join(f'"{s.name}", ' for s in sizes),
        "DEFAULTS": "".join(f"{s.default}, " for s in sizes), "FILLS": _fills(entry), "INPUTS": _inputs(entry, sizes),
        "OUTPUTS": _outputs(entry), "FLOPS": bound.flops or "0.0", "NBYTES": bound.nbytes or "0.0",
        "CALL_FLOPS": "20", "USAGE": "".join(f"{s.name}={s.default} " for s in sizes),
        "REAL": "float" if _is_single(entry) else "double", "FMA": "fmaf" if _is_single(entry) else "fma"}
    return replaced(template.replace("@CASE@", _CASE), words)


def _is_single(entry: Entry) -> bool:
    floats = {p.dtype for p in (*entry.inputs, *entry.outputs) if p.dtype.startswith(("float", "complex"))}
    return bool(floats) and floats <= {"float32", "complex64", "float16"}


def _has_array(entry: Entry, index: int) -> bool:
    return any((f.role, f.index) == ("data", index) for f in entry.fields)


def _states(entry: Entry) -> dict[int, str]:
    return {m.state.input: m.name for m in fields(entry)[0] if m.state.input is not None}


def _value(dtype: str) -> str:
    """The text of a made number of a dtype."""
    if dtype == "bool":
        return "next_number() < 0.5"
    if dtype == "float16":
        return "0x3800"
    if is_whole(dtype):
        return f"({dtype}_t)((double)integers * next_number())"
    return f"({'double' if dtype in ('float64', 'complex128') else 'float'})next_number()"


def _fills(entry: Entry) -> str:
    """A function for each kind of array among the inputs."""
    states = _states(entry)
    dtypes = dict.fromkeys(p.dtype for n, p in enumerate(entry.inputs) if _has_array(entry, n) and n not in states)
    return "\n".join(_fill(dtype, scalar_of(next(p for p in entry.inputs if p.dtype == dtype)).c_type)
                     for dtype in dtypes)


def _fill(dtype: str, c_type: str) -> str:
    more = ", int64_t integers" if is_whole(dtype) else ""
    return (f"static {c_type} *numbers_{dtype}(int64_t n{more})\n{{\n"
            f"    {c_type} *const x = ({c_type} *)room(n * (int64_t)sizeof({c_type}));\n"
            f"    for (int64_t i = 0; i < n; ++i)\n        x[i] = {_value(dtype)};\n    return x;\n}}\n")


def _inputs(entry: Entry, sizes: Sequence[Size]) -> str:
    """Statements that give the struct its inputs."""
    states, lines = _states(entry), []
    at = {(size.index, size.axis): n for n, size in enumerate(sizes)}
    if states:
        lines += [f"static {Names(entry.name).state} state;", f"{Names(entry.name).init}(&state);"]
    for f in entry.fields:
        if f.role == "dim":
            shape = next((s.value.shape for s in entry.calling.states if s.input == f.index), ())
            lines.append(f"a->{f.name} = {shape[f.axis] if shape else f'size[{at[f.index, f.axis]}]'};")
        elif f.role in ("value", "data") and f.index in states:
            lines.append(f"a->{f.name} = state.{states[f.index]};")
        elif f.role == "value":
            value = f"size[{at[f.index, -1]}]" if (f.index, -1) in at else _value(entry.inputs[f.index].dtype)
            lines.append(f"a->{f.name} = ({f.c_type})({value});")
    for f in entry.fields:
        if f.role == "data" and f.index not in states:
            dtype, count = entry.inputs[f.index].dtype, _count(entry, f.index)
            below = f", size[{at[-1, -1]}]" if is_whole(dtype) else ""
            lines.append(f"a->{f.name} = numbers_{dtype}({count}{below});")
    return "\n".join(f"    {line}" for line in lines)


def _count(entry: Entry, index: int) -> str:
    """How many numbers an input has."""
    param = entry.inputs[index]
    found = [entry.dim_argument(index, axis) for axis in range(param.rank)]
    lengths = [str(d) if isinstance(d, int) else f"a->{d.name}" for d in found]
    return " * ".join([*(["2"] if scalar_of(param).n_parts == 2 else []), *lengths]) or "1"


def _outputs(entry: Entry) -> str:
    """Statements that give the struct memory for its outputs."""
    lines = []
    for index, param in enumerate(entry.outputs):
        sizes = {f.axis: f"a->{f.name}" for f in entry.fields if (f.role, f.index) == ("size", index)}
        lengths = [sizes.get(axis, str(param.shape[axis])) for axis in range(param.rank)]
        (field,) = [f for f in entry.fields if (f.role, f.index) == ("out", index)]
        count = " * ".join([str(scalar_of(param).nbytes), *lengths])
        lines.append(f"    a->{field.name} = ({field.c_type})room({count});")
    return "\n".join(lines)
