"""The processor names that each LLVM from 20 to 22 knows, by architecture.

LLVM ends the process on some names that it does not know, so a name is looked up here before LLVM
sees it; a name that is missing is tried in a process of its own (`target.py`). Names are in the table
where llvmlite 0.45 (LLVM 20) and 0.50 (LLVM 22) both compiled a function for them.
"""

from __future__ import annotations

CPU_NAMES: dict[str, frozenset[str]] = {
    arch: frozenset(names.split())
    for arch, names in {
        "x86_64": """
            alderlake amdfam10 arrowlake arrowlake-s arrowlake_s athlon-fx athlon64
            athlon64-sse3 atom atom_sse4_2 atom_sse4_2_movbe barcelona bdver1 bdver2 bdver3
            bdver4 bonnell broadwell btver1 btver2 cannonlake cascadelake clearwaterforest
            cooperlake core-avx-i core-avx2 core2 core_2_duo_sse4_1 core_2_duo_ssse3
            core_2nd_gen_avx core_3rd_gen_avx core_4th_gen_avx core_4th_gen_avx_tsx
            core_5th_gen_avx core_5th_gen_avx_tsx core_aes_pclmulqdq core_i7_sse4_2 corei7
            corei7-avx diamondrapids emeraldrapids generic goldmont goldmont-plus goldmont_plus
            gracemont grandridge graniterapids graniterapids-d graniterapids_d haswell
            icelake-client icelake-server icelake_client icelake_server ivybridge k8 k8-sse3 knl
            knm lunarlake meteorlake mic_avx512 nehalem nocona opteron opteron-sse3 pantherlake
            penryn raptorlake rocketlake sandybridge sapphirerapids sierraforest silvermont skx
            skylake skylake-avx512 skylake_avx512 slm tigerlake tremont westmere x86-64
            x86-64-v2 x86-64-v3 x86-64-v4 znver1 znver2 znver3 znver4 znver5
        """,
        "aarch64": """
            a64fx ampere1 ampere1a ampere1b apple-a10 apple-a11 apple-a12 apple-a13 apple-a14
            apple-a15 apple-a16 apple-a17 apple-a7 apple-a8 apple-a9 apple-m1 apple-m2 apple-m3
            apple-m4 apple-s4 apple-s5 carmel cobalt-100 cortex-a34 cortex-a35 cortex-a510
            cortex-a520 cortex-a520ae cortex-a53 cortex-a55 cortex-a57 cortex-a65 cortex-a65ae
            cortex-a710 cortex-a715 cortex-a72 cortex-a720 cortex-a720ae cortex-a725 cortex-a73
            cortex-a75 cortex-a76 cortex-a76ae cortex-a77 cortex-a78 cortex-a78ae cortex-a78c
            cortex-r82 cortex-r82ae cortex-x1 cortex-x1c cortex-x2 cortex-x3 cortex-x4
            cortex-x925 cyclone exynos-m3 exynos-m4 exynos-m5 falkor fujitsu-monaka generic
            grace kryo neoverse-512tvb neoverse-e1 neoverse-n1 neoverse-n2 neoverse-n3
            neoverse-v1 neoverse-v2 neoverse-v3 neoverse-v3ae oryon-1 saphira thunderx
            thunderx2t99 thunderx3t110 thunderxt81 thunderxt83 thunderxt88 tsv110
        """,
        "riscv64": """
            generic generic-rv64 mips-p8700 rocket-rv64 sifive-p450 sifive-p470 sifive-p550
            sifive-p670 sifive-s21 sifive-s51 sifive-s54 sifive-s76 sifive-u54 sifive-u74
            sifive-x280 spacemit-x60 syntacore-scr3-rv64 syntacore-scr4-rv64 syntacore-scr5-rv64
            syntacore-scr7 tt-ascalon-d8 veyron-v1 xiangshan-nanhu
        """,
        "wasm32": """
            bleeding-edge generic lime1 mvp
        """,
        "armv7": """
            cortex-a12 cortex-a15 cortex-a17 cortex-a5 cortex-a7 cortex-a8 cortex-a9 generic krait
        """,
        "thumbv6m": "cortex-m0 cortex-m0plus cortex-m1 generic sc000",
        "thumbv7m": "cortex-m3 generic sc300",
        "thumbv7em": "cortex-m4 cortex-m7 generic",
        "thumbv8m.base": "cortex-m23 generic",
        "thumbv8m.main": "cortex-m33 cortex-m35p generic",
    }.items()
}

# Compute capability -> the lowest PTX version that has it.
PTX_VERSIONS: dict[str, int] = {
    "sm_50": 40,
    "sm_52": 41,
    "sm_53": 42,
    "sm_60": 50,
    "sm_61": 50,
    "sm_62": 50,
    "sm_70": 60,
    "sm_72": 61,
    "sm_75": 63,
    "sm_80": 70,
    "sm_86": 71,
    "sm_87": 74,
    "sm_89": 78,
    "sm_90": 78,
    "sm_90a": 80,
    "sm_100": 86,
    "sm_120": 87,
}
