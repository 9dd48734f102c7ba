"""The graph job of the fraud world: it publishes, every so often, the devices on which several cards were seen together."""

from __future__ import annotations

import numpy as np

from millrace.types import DAY, MINUTE, Array, Columns, stack, take
from millrace.worlds.chance import Chance

LOOKS_BACK = 7 * DAY
_FEWEST = 3
"""How many cards on one device make a ring."""
_MOST = 1_000_000
"""How many rings one run can publish, for numbering them."""


def rings(payments: Columns, chance: Chance, start: int, since: int, until: int, every: int) -> Columns:
    """Return what the runs of the job in [since, until) publish: `key`, `at`, `known`, `device`, `cards`.

    A run reads the payments of the seven days before it and publishes minutes later, so a ring is known only after the payments it
    is made of. It publishes a device when the number of its cards has changed since the run before. Honest kiosks and shared devices
    are published too: sharing is a hint, not a proof.

    Args:
        payments: `at`, `card` and `device` of all payments up to `until`, from LOOKS_BACK + `every` before `since`.
        chance: Where the length of a run comes from.
        start: The first instant of the world: runs are numbered from there.
        since: From when runs begin.
        until: Before when runs begin.
        every: Time between two runs, in microseconds.
    """
    suspects = take(payments, np.isin(payments["device"], _shared(payments)[0]))
    first, last = -(-(since - start) // every), -(-(until - start) // every)
    device, cards = _shared(_window(suspects, start + (first - 1) * every))
    published = []
    for run in range(first, last):
        at = start + run * every
        before = dict(zip(device, cards, strict=True))
        device, cards = _shared(_window(suspects, at))
        changed = np.array([before.get(one) != count for one, count in zip(device, cards, strict=True)], bool)
        n = int(changed.sum())
        ready = at + int(10 * MINUTE * (1.0 + float(chance.uniform("graph job", run))))
        times = {"at": np.full(n, at), "known": np.full(n, ready)}
        published.append({"key": run * _MOST + np.arange(n), **times, "device": device[changed], "cards": cards[changed]})
    return stack(published)


def _window(payments: Columns, at: int) -> Columns:
    """Return the payments that a run at an instant reads."""
    return take(payments, (payments["at"] >= at - LOOKS_BACK) & (payments["at"] < at))


def _shared(payments: Columns) -> tuple[Array, Array]:
    """Return the devices on which several cards paid, in order, and how many cards."""
    pairs = np.unique(np.stack([payments["device"], payments["card"]], axis=1), axis=0)
    device, cards = np.unique(pairs[:, 0], return_counts=True)
    return device[cards >= _FEWEST], cards[cards >= _FEWEST]
