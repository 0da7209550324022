"""Products along the steps of a scan (`h.T @ h`, `y @ h`): the same bits as of rows that are kept, and none kept."""

import pytest

import scancc as sc
import scancc.tensor as T
from tests.frontend.kept_rows import dense, m, require_nothing_kept, vectors


def halves():
    return sc.scan(lambda v, g: 0.5 * g + v[1:], m, T.zeros((3,)), return_updates=False)


PRODUCTS = {
    "of a scan's rows": lambda h: [T.dot(h.T, h)],
    "moments": lambda h: [(h[:, :, None] * h[:, None, :]).mean(axis=0)],
    "with what is given": lambda h: [h.T @ m, T.dot(m[:, :2].T, h)],
    "with another scan's": lambda h: [T.dot(h.T, halves())],
    "least squares": lambda h: [T.dot(T.dot(h.T, h), T.dot(h.T, m[:, 1]))],
    "with a vector": lambda h: [T.dot(m[:, 1], h), T.dot(h.T, m[:, 2]), (m[:, 1][:, None] * h)[-1]],
    "and the last row": lambda h: [T.dot(h.T, h), h[-1], h.sum(axis=0), T.abs(h).max()],
}


@pytest.mark.parametrize("ask", PRODUCTS.values(), ids=list(PRODUCTS))
@pytest.mark.parametrize("kind", [vectors, dense], ids=lambda kind: kind.__name__)
def test_products_along_the_steps_keep_no_rows(kind, ask):
    require_nothing_kept(kind, ask, (4, 5, 63, 64, 65, 128, 511, 513, 1100, 3000), without="tile,fuse-consumers")
