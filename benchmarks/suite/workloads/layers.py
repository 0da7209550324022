"""Recurrent layers over a grid of batches and numbers of units, whose shapes the program says or not."""

from __future__ import annotations

from benchmarks.suite.workloads.gru import Gru, GruGradient
from benchmarks.suite.workloads.lstm import Lstm, LstmGradient
from benchmarks.suite.workloads.rnn import Rnn, RnnGradient

STEPS = {1: 50, 16: 20, 32: 20}  # by rows of a batch


class Grid:
    """Before a layer's class: its sizes are those of the page of layers."""

    page = "layers"
    with_shapes = True
    sizes = {"tiny": {"steps": 3, "batch": 2, "n_in": 5, "n": 5},
             **{f"{batch}x{n}": {"steps": steps, "batch": batch, "n_in": n, "n": n}
                for batch, steps in STEPS.items() for n in (32, 128, 256)}}


class RnnGrid(Grid, Rnn):
    """A plain recurrent layer, `tanh(x_t @ W + h @ U + b)`."""

    name = "rnn_layer"


class GruGrid(Grid, Gru):
    """A GRU layer, the reset gate before the product."""

    name = "gru_layer"


class LstmGrid(Grid, Lstm):
    """An LSTM layer, its four gates in one matrix."""

    name = "lstm_layer"


class RnnGradientGrid(Grid, RnnGradient):
    """A plain recurrent layer with gradient."""

    name = "rnn_layer_grad"


class GruGradientGrid(Grid, GruGradient):
    """A GRU layer with gradient."""

    name = "gru_layer_grad"


class LstmGradientGrid(Grid, LstmGradient):
    """An LSTM layer with gradient."""

    name = "lstm_layer_grad"
