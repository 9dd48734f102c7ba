"""Experiments without number, unit by unit: where z stands after each pair of units, with variances estimated as they come."""

from collections.abc import Callable, Iterator

import numpy as np

from millrace.types import Array

PAIRS = 2000
DESIGN = 2.8015852  # the z that a single test at 5 % finds with chance 0.8
LOOKS = np.round(np.arange(1, 15) / 14 * PAIRS).astype(int)
FIRST = 50  # pairs before the first look
EVERY = np.arange(FIRST, PAIRS + 1)


def normal(g: np.random.Generator, shape: tuple[int, int]) -> Array:
    return g.standard_normal(shape)


def skewed(g: np.random.Generator, shape: tuple[int, int]) -> Array:
    return g.lognormal(0.0, 1.0, shape)


def rare(g: np.random.Generator, shape: tuple[int, int]) -> Array:
    return (g.random(shape) < 0.05).astype(float)


def paths(
    effect: float = 0.0, experiments: int = 10_000, seed: int = 0, draw: Callable[..., Array] = normal, at_once: int = 500
) -> Iterator[tuple[Array, Array]]:
    """Yield (difference, squared standard error) of some experiments at a time, after each pair from the first look on."""
    g = np.random.default_rng(seed)
    n = np.arange(1, PAIRS + 1)
    for _ in range(experiments // at_once):
        arms = [draw(g, (at_once, PAIRS)), draw(g, (at_once, PAIRS)) + effect]
        means = [np.cumsum(arm, axis=1) / n for arm in arms]
        spread = sum(np.cumsum(arm**2, axis=1) / n - mean**2 for arm, mean in zip(arms, means, strict=True)) / np.maximum(n - 1, 1)
        yield (means[1] - means[0])[:, FIRST - 1 :], spread[:, FIRST - 1 :]


def z_values(effect: float = 0.0, **how) -> Iterator[Array]:
    """Yield z of some experiments at a time, after each pair from the first look on."""
    for difference, variance in paths(effect, **how):
        yield difference / np.sqrt(np.maximum(variance, 1e-300))


def crossed(boundaries: dict[str, tuple[Array, Array]], effect: float = 0.0, **how) -> dict[str, tuple[Array, float]]:
    """Return, for each boundary, by each look the share of experiments whose z has reached it, and the mean share of the units used.

    Args:
        boundaries: (after how many pairs each look is, what z must reach there, to either side) by name. Shape (looks,) each.
        effect: treatment - control.
        how: As for `paths`.
    """
    stops = {name: [] for name in boundaries}
    for z in z_values(effect, **how):
        for name, (looks, reach) in boundaries.items():
            beyond = np.abs(z[:, looks - FIRST]) >= reach
            stops[name].append(np.where(beyond.any(axis=1), looks[beyond.argmax(axis=1)], 2 * PAIRS))
    found = {}
    for name, (looks, _) in boundaries.items():
        stopped = np.sort(np.concatenate(stops[name]))
        shares = np.searchsorted(stopped, looks, side="right") / len(stopped)
        found[name] = (shares, float(np.minimum(stopped, PAIRS).mean() / PAIRS))
    return found
