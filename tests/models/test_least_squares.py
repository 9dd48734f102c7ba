import numpy as np
import pytest
from scipy.sparse import csr_array

from millrace.models.least_squares import factorize, improve


@pytest.fixture
def extra():
    rng = np.random.default_rng(0)
    dense = np.where(rng.random((30, 20)) < 0.2, rng.uniform(1, 9, (30, 20)), 0.0)
    dense[7] = 0  # a row with no pair
    return csr_array(dense)


def exact(extra, others, reg):
    """Solve each row's normal equations, written out over all columns."""
    out = []
    for row in extra.toarray():
        confidence = 1 + row
        normal = (others.T * confidence) @ others + reg * confidence.sum() * np.eye(others.shape[1])
        out.append(np.linalg.solve(normal, others.T @ (confidence * (row > 0))))
    return np.array(out)


def objective(extra, left, right, reg):
    dense = extra.toarray()
    confidence = 1 + dense
    misfit = (confidence * ((dense > 0) - left @ right.T) ** 2).sum()
    return misfit + reg * (confidence * ((left**2).sum(1)[:, None] + (right**2).sum(1))).sum()


def test_enough_steps_solve_the_normal_equations(extra):
    others = np.random.default_rng(1).normal(size=(20, 6))
    np.testing.assert_allclose(improve(np.zeros((30, 6)), extra, others, 0.05, steps=12), exact(extra, others, 0.05), atol=1e-9)


def test_row_that_has_converged_stays(extra):
    others = np.random.default_rng(1).normal(size=(20, 6))
    solved = exact(extra, others, 0.05)
    np.testing.assert_allclose(improve(solved, extra, others, 0.05, steps=3), solved, atol=1e-9)


def test_every_half_epoch_lowers_the_objective(extra):
    flipped = extra.T.tocsr()
    left, right = np.zeros((30, 4)), np.random.default_rng(2).normal(size=(20, 4))
    worth = [objective(extra, left, right, 0.02)]
    for _ in range(6):
        left = improve(left, extra, right, 0.02, steps=3)
        worth.append(objective(extra, left, right, 0.02))
        right = improve(right, flipped, left, 0.02, steps=3)
        worth.append(objective(extra, left, right, 0.02))
    assert (np.diff(worth) < 0).all()


def test_few_steps_end_as_low_as_exact_solutions(extra):
    left, right = factorize(extra, 4, 20, 0.02, np.random.default_rng(3))
    theirs = np.random.default_rng(3).normal(0, 0.5, (20, 4))
    for _ in range(20):
        mine = exact(extra, theirs, 0.02)
        theirs = exact(extra.T.tocsr(), mine, 0.02)
    mine = exact(extra, theirs, 0.02)
    assert objective(extra, left, right, 0.02) < 1.01 * objective(extra, mine, theirs, 0.02)
