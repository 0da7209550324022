"""Leaky neurons that fire, in number; their spikes counted."""

from __future__ import annotations

import numpy as np

import scancc as sc
import scancc.tensor as T
from tests.users.program import Program


def program() -> Program:
    current = T.matrix("current")

    def step(drive: sc.Variable, voltage: sc.Variable) -> tuple[sc.Variable, sc.Variable]:
        voltage = 0.9 * voltage + drive
        fired = voltage > 1
        return T.switch(fired, 0.0, voltage), T.cast(fired, "int32")

    (voltages, spikes), _ = sc.scan(step, sequences=[current], outputs_info=[T.zeros_like(current[0]), None])
    f = sc.function([current], {"last": voltages[-1], "count": spikes.sum(axis=0)})
    drives = np.abs(np.random.default_rng(5).normal(size=(30, 4))) / 3
    v, count = np.zeros(4), np.zeros(4)
    for drive in drives:
        v = 0.9 * v + drive
        count += v > 1
        v = np.where(v > 1, 0.0, v)
    return Program(f, [drives], {"last": v, "count": count})
