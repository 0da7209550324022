"""The forward algorithm of a hidden Markov model, in logarithms."""

from __future__ import annotations

import numpy as np

import scancc as sc
import scancc.tensor as T
from tests.users.program import Program


def program() -> Program:
    seen, start, move, emit = T.lvector("seen"), T.vector("start"), T.matrix("move"), T.matrix("emit")

    def forward(symbol: sc.Variable, log_alpha: sc.Variable) -> sc.Variable:
        return T.logsumexp(log_alpha[:, None] + T.log(move), axis=0) + T.log(emit[:, symbol])

    first = T.log(start) + T.log(emit[:, seen[0]])
    log_alphas, _ = sc.scan(forward, sequences=seen[1:], outputs_info=first)
    f = sc.function([seen, start, move, emit], T.logsumexp(log_alphas[-1]), name="log_likelihood")
    symbols = np.array([0, 1, 1, 2, 0])
    p, A = np.array([0.6, 0.4]), np.array([[0.7, 0.3], [0.4, 0.6]])
    B = np.array([[0.5, 0.4, 0.1], [0.1, 0.3, 0.6]])
    alpha = p * B[:, symbols[0]]
    for symbol in symbols[1:]:
        alpha = alpha @ A * B[:, symbol]
    return Program(f, [symbols, p, A, B], np.log(alpha.sum()))
