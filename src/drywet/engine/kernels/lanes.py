"""Vectors of the engine's kernels: sixteen float32 numbers at a time.

Every lane is computed alike, so a sample's bits do not depend on the lane it falls into.
"""

import llvmlite.binding

from drywet.vectors import of_width

LANES = 16
FEATURES = llvmlite.binding.get_host_cpu_features()
MANY_REGISTERS = bool(FEATURES.get("avx512f"))  # 32 of LANES numbers; others have 16 of half the width, or fewer

load, spread, spread_from = of_width(LANES)
