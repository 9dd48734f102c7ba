"""LightGBM's model text: what it predicts and its trees, each as settings by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from millrace.types import Array

_LINKS = {"binary sigmoid:1": "expit", "lambdarank": "", "regression": ""}
"""The function of SciPy from the sum of the trees to the prediction, by objective: the formula LightGBM has, to the last bit."""

IS_CATEGORY, DEFAULT_LEFT, MISSING, NAN = 0b0001, 0b0010, 0b1100, 0b1000
"""The bits of a tree's `decision_type`: a split by category; missing goes left; what counts as missing: nothing, zero, or NaN."""


WORD = 32
"""How many categories one number of `cat_threshold` tells of."""


def objective(text: str) -> str:
    """Return what a model text says it was trained for, "" where it says nothing."""
    head, _, _ = text.partition("\nTree=")
    return next((line.removeprefix("objective=").strip() for line in head.splitlines() if line.startswith("objective=")), "")


def link(text: str) -> Callable[[Array], Array] | None:
    """Return what makes predictions of the sums of the trees; None for an objective that is not known here."""
    from scipy import special

    name = _LINKS.get(objective(text))
    return None if name is None else getattr(special, name) if name else lambda raw: raw


def trees(text: str) -> Iterator[dict[str, str]]:
    """Yield each tree of a model text as its settings by name."""
    body, _, _ = text.partition("\nend of trees")
    for section in body.split("\nTree=")[1:]:
        yield dict(line.split("=", 1) for line in section.splitlines() if "=" in line)


def wholes(said: str) -> list[int]:
    """Return the integers of a setting."""
    return list(map(int, said.split()))


def categories(words: Sequence[int]) -> Array:
    """Return the categories that go left, from the words of `cat_threshold` whose bits they are. Rising, int64."""
    return np.flatnonzero(np.unpackbits(np.array(words, dtype="<u4").view(np.uint8), bitorder="little"))
