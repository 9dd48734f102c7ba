"""What no bet may gain from: arms drawn with a known chance, whatever happens to them."""

from collections.abc import Callable
from typing import Any

import numpy as np

from millrace.types import Array

SHARES = (0.05, 0.5, 0.9)


def drawn(g: np.random.Generator, n: int, share: float) -> tuple[Array, Array]:
    """Return arms drawn with a share, and that share, of n units."""
    return g.random(n) < share, np.full(n, share)


def gains(play: Callable[[np.random.Generator], tuple[float, float]], paths: int = 2000, seed: int = 0) -> tuple[float, float, float]:
    """Return the mean final wealth of many paths, its standard error, and the share of paths that ever reached 20."""
    final, peaks = zip(*(play(np.random.default_rng((seed, path))) for path in range(paths)), strict=True)
    wealth = np.exp(np.array(final))
    return float(wealth.mean()), float(wealth.std() / np.sqrt(paths)), float(np.mean(np.array(peaks) >= np.log(20)))


def fair(play: Callable[[np.random.Generator], Any]) -> None:
    """Check that wealth does not grow on average, and that the chance that it ever reaches 20 is no more than a twentieth."""
    mean, error, alarms = gains(play)
    assert mean <= 1 + 4 * error
    assert alarms <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 2000)
