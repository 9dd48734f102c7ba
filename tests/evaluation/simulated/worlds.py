"""Worlds of known truth, drawn by seed: contexts, a policy that logs, one that is judged, and what each choice earns on average."""

from typing import NamedTuple

import numpy as np

ACTIONS = 5


class Log(NamedTuple):
    """Choices that were logged, and what the judged policy would have done. Shape (n, ...) each."""

    reward: np.ndarray
    propensity: np.ndarray
    target: np.ndarray
    features: np.ndarray
    wanted: np.ndarray
    unit: np.ndarray
    mood: np.ndarray
    all_propensity: np.ndarray
    all_target: np.ndarray


def softmax(score):
    chance = np.exp(score - score.max(axis=-1, keepdims=True))
    return chance / chance.sum(axis=-1, keepdims=True)


class Shop:
    """A customer's mood (between -1 and 1) says which of five offers is bought; one policy logs, another is to be judged.

    Args:
        eagerness: How much the judged policy follows the mood: the greater, the less it resembles the one that logs.
        rare: Divides how often anything is bought.
        own: How much customers differ besides, each in all their choices.
    """

    def __init__(self, eagerness=1.0, rare=1.0, own=0.0):
        self.eagerness, self.rare, self.own = eagerness, rare, own
        self.place = np.linspace(-1, 1, ACTIONS)

    def chances(self, mood):
        logging = 0.9 * softmax(-0.8 * np.abs(mood[:, None] - self.place)) + 0.1 / ACTIONS
        return logging, softmax(-3 * self.eagerness * np.abs(mood[:, None] - self.place))

    def bought(self, mood, eager=0.0):
        steady = 0.2 + 0.5 * np.exp(-3 * np.square(mood[:, None] - self.place))
        return np.clip(steady + np.reshape(eager, (-1, 1)), 0, 1) / self.rare

    @property
    def truth(self):
        """What the judged policy earns per choice."""
        mood = np.linspace(-1, 1, 20_001)
        eager = np.linspace(-1, 1, 41) * self.own
        return float(np.mean([(self.chances(mood)[1] * self.bought(mood, np.full(1, one))).sum(axis=1).mean() for one in eager]))

    def logged(self, rng, n, each=1):
        """Return a log of n choices, `each` in a row by one customer, whose mood differs from choice to choice."""
        unit = np.arange(n) // each
        mood = rng.uniform(-1, 1, n)
        eager = (rng.uniform(-1, 1, n) * self.own)[unit]
        logging, target = self.chances(mood)
        action = (rng.random(n)[:, None] > np.cumsum(logging, axis=1)).sum(axis=1)
        row = np.arange(n)
        reward = (rng.random(n) < self.bought(mood, eager)[row, action]).astype(float)
        near = np.eye(ACTIONS)[action][:, None, :] * np.stack([np.ones(n), np.abs(mood)], axis=1)[:, :, None]
        over = target[:, None, :] * np.stack([np.ones(n), np.abs(mood)], axis=1)[:, :, None]
        features, wanted = near.reshape(n, -1), over.reshape(n, -1)
        return Log(reward, logging[row, action], target[row, action], features, wanted, unit, mood, logging, target)


class Shown(NamedTuple):
    """Slates that were shown, and what each place earned. Shape (n, places) each."""

    shown: np.ndarray
    reward: np.ndarray


class Slates:
    """Three places filled by chance, clicked by item and place; the judged policy prefers an item for each place.

    Args:
        apart: Whether places are filled independently of each other; else an item is shown once.
    """

    places, items = 3, 6

    def __init__(self, apart=False):
        self.apart = apart
        rng = np.random.default_rng(0)
        self.quality = rng.uniform(0.05, 0.6, (self.places, self.items))
        self.target = 0.5 * np.eye(self.items)[: self.places] + 0.5 / self.items  # half of the time one order, else any alike

    @property
    def truth(self):
        """What the judged policy earns per slate."""
        return float((self.target * self.quality).sum())

    def logged(self, rng, n):
        """Return n slates drawn uniformly."""
        if self.apart:
            shown = rng.integers(0, self.items, (n, self.places))
        else:
            shown = rng.permuted(np.tile(np.arange(self.items), (n, 1)), axis=1)[:, : self.places]
        return Shown(shown, (rng.random(shown.shape) < self.quality[np.arange(self.places), shown]).astype(float))
