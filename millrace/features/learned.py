"""Features that a version of a model says: of what was learned, not of what happened. Which version is a matter of when.

Neither engine computes them: the engines give what the version is asked with, and who knows which version served when asks it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from millrace.features.declare import Feature
from millrace.types import Array, Columns, size


class Learnt(Protocol):
    """A version of a model, as far as a feature needs to know it."""

    def score(self, rows: Columns) -> Columns:
        """Return a column per outcome the version predicts."""
        ...


@dataclass(frozen=True, eq=False)
class Learned:
    """What the version of a model that serves says of a row; missing while none does.

    Attributes:
        model: The model.
        head: Which of its predictions is meant.
        inputs: What a version is asked with: the name of a column, and the feature that it holds.
        column: Its structure as text, with that of the model.
    """

    model: Any
    head: str
    inputs: tuple[tuple[str, Any], ...]
    column: str

    @property
    def needs(self) -> tuple[Feature, ...]:
        """The features that its version is asked with."""
        return tuple(one for _, one in self.inputs)

    def of(self, version: Learnt | None, rows: Columns) -> Array:
        """Return what a version says of rows, NaN where there is none. float64, shape (n,).

        Args:
            version: The version, None when none was serving.
            rows: What it is asked with, by the names of `inputs`.
        """
        if version is None:
            return np.full(size(rows), np.nan)
        said = np.asarray(version.score(rows)[self.head], dtype=np.float64)
        return np.where(np.isfinite(said), said, np.nan)


def plain(features: Iterable[Any]) -> list[Any]:
    """Return the features that an engine computes: those that are not learned, and what the versions of the others are asked with."""
    found: dict[str, Any] = {}
    for one in features:
        if isinstance(one, Learned):
            found |= {need.column: need for need in plain(one.needs)}
        else:
            found[one.column] = one
    return list(found.values())


def completed(features: Iterable[Any], known: Mapping[str, Array], says: Callable[[Learned, Columns], Array]) -> dict[str, Array]:
    """Return features by column, those that are learned among them.

    Args:
        features: Those wanted.
        known: By column, those of `plain`.
        says: Returns what the version of a learned feature's model says, given what it is asked with.
    """
    found = dict(known)
    for one in features:
        if one.column not in found:
            _complete(one, found, says)
    return {one.column: found[one.column] for one in features}


def _complete(one: Any, found: dict[str, Array], says: Callable[[Learned, Columns], Array]) -> None:
    """Add a feature to those found, after what it needs of them."""
    if one.column in found:
        return
    for _, need in one.inputs:
        _complete(need, found, says)
    found[one.column] = says(one, {name: found[need.column] for name, need in one.inputs})
