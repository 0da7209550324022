"""Convolutions of vectors and images beside NumPy's and plain loops, on both executors."""

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T

RNG = np.random.default_rng(51)
IMAGES, FILTERS = RNG.normal(size=(2, 3, 7, 6)), RNG.normal(size=(4, 3, 3, 2))
MODES = pytest.mark.parametrize("mode", ["native", "reference"])


@MODES
def test_vectors(mode):
    x, y = T.vectors("x", "y")
    run = sc.function([x, y], [T.signal.convolve1d(x, y, m) for m in ("full", "valid", "same")], mode=mode)
    for n, k in ((5, 3), (3, 5), (4, 4), (6, 1), (1, 1), (5, 2)):
        a, b = RNG.normal(size=n), RNG.normal(size=k)
        for found, name in zip(run(a, b), ("full", "valid", "same"), strict=True):
            np.testing.assert_allclose(found, np.convolve(a, b, name), atol=1e-13)


def correlated(images, filters, border, steps, gaps):
    """By the definition: every place, every element."""
    images = np.pad(images, ((0, 0), (0, 0), (border[0],) * 2, (border[1],) * 2))
    (b, _, rows, columns), (n, _, height, width) = images.shape, filters.shape
    spans = (height - 1) * gaps[0] + 1, (width - 1) * gaps[1] + 1
    out = np.zeros((b, n, (rows - spans[0]) // steps[0] + 1, (columns - spans[1]) // steps[1] + 1))
    for i, j in np.ndindex(out.shape[2:]):
        top, left = i * steps[0], j * steps[1]
        patch = images[:, :, top : top + spans[0] : gaps[0], left : left + spans[1] : gaps[1]]
        out[:, :, i, j] = np.einsum("bcij,ncij->bn", patch, filters)
    return out


CALLS = [
    ({}, (0, 0), (1, 1), (1, 1)), ({"border_mode": "full"}, (2, 1), (1, 1), (1, 1)),
    ({"border_mode": "half"}, (1, 1), (1, 1), (1, 1)), ({"border_mode": 1}, (1, 1), (1, 1), (1, 1)),
    ({"border_mode": (0, 2), "subsample": (2, 3)}, (0, 2), (2, 3), (1, 1)),
    ({"filter_dilation": (2, 2)}, (0, 0), (1, 1), (2, 2)),
]


@MODES
def test_images(mode):
    x, w = T.tensor4s("x", "w")
    outputs = [T.nnet.conv2d(x, w, filter_flip=i % 2 == 0, **call) for i, (call, *_) in enumerate(CALLS)]
    for i, found in enumerate(sc.function([x, w], outputs, mode=mode)(IMAGES, FILTERS)):
        kernels = FILTERS if i % 2 else FILTERS[:, :, ::-1, ::-1]
        np.testing.assert_allclose(found, correlated(IMAGES, kernels, *CALLS[i][1:]), rtol=1e-11, atol=1e-12)


def test_gradients():
    T.verify_grad(lambda x, w: T.nnet.conv2d(x, w, border_mode="half", subsample=(2, 1)), [IMAGES, FILTERS],
                  n_tests=1, rng=RNG)
    T.verify_grad(lambda x, y: T.signal.convolve1d(x, y, "same"), [RNG.normal(size=5), RNG.normal(size=3)], n_tests=1)


def test_errors():
    with pytest.raises(ValueError, match="mode 'odd' is none of"):
        T.signal.convolve1d(T.vector(), T.vector(), "odd")
    with pytest.raises(ValueError, match="border_mode 'odd' is none of"):
        T.nnet.conv2d(T.tensor4(), T.tensor4(), border_mode="odd")
    with pytest.raises(TypeError, match="takes tensors of 4 dimensions"):
        T.nnet.conv2d(T.tensor3(), T.tensor4())
