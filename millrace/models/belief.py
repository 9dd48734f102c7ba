"""What a belief says of rows beside its expectation, and how it lets go of what is long past."""

from __future__ import annotations

from typing import Any

import numpy as np

from millrace.errors import BadInput, DeclarationError, TrainingError
from millrace.models.labels import heads_of, labelled
from millrace.models.learner import Examples
from millrace.types import Array, micros

SPREAD = "spread"
"""The column of a belief's scores that says how sure it is: the standard deviation of what it expects, float64."""

SEEN = "seen"
"""The column that says how many rows taught it about such a row, those of long ago counted less; float64."""

IS_SHARE = "is_share"
"""The column that says how what it expects is distributed: as a beta distribution of that mean and spread, else as a normal one; bool."""

HALVINGS = 16
"""After so many half-lives a row counts 1/65 536: nothing older is read."""

_LARGEST = 1e100


def check_memory(learner: Any) -> None:
    """Check the settings `decay` and `window` of a learner when it is declared.

    Raises:
        DeclarationError: One is not a duration, or both are given.
    """
    for setting in ("decay", "window"):
        value = getattr(learner, setting)
        if value is not None:
            try:
                micros(value)
            except DeclarationError as error:
                raise DeclarationError(f"{type(learner).__name__}({setting}={value!r}): {error}") from error
    if learner.decay is not None and learner.window is not None:
        raise DeclarationError(
            f"{type(learner).__name__}(decay={learner.decay!r}, window={learner.window!r}): two ways to forget; give one of them"
        )


def reach(learner: Any) -> int | None:
    """Return how far back rows matter to a learner that forgets, microseconds; None for one that never does."""
    if getattr(learner, "window", None) is not None:
        return micros(learner.window)
    return HALVINGS * micros(learner.decay) if getattr(learner, "decay", None) is not None else None


def taught(learner: Any, examples: Examples) -> tuple[str, Array, Array, Array]:
    """Return what rows teach a learner of one outcome, and how much each still counts.

    Ages run from the latest row that has a label: the belief is a function of the examples alone, whenever it is asked for.

    Returns:
        The outcome, the positions of its rows in the order of the log, their labels and their weights. Shape (k,) each.

    Raises:
        TrainingError: There is no outcome or more than one, none of the rows has a label, or one is too large to be squared.
    """
    name = type(learner).__name__
    head, *others = heads_of(examples, name)
    if others:
        raise TrainingError(f"{name} believes something of one outcome, and not of {', '.join(others)} besides: declare a model for each")
    index = labelled(examples, head, name)
    largest = float(np.abs(examples.labels[head][index]).max())
    if largest > _LARGEST:
        raise TrainingError(f"{name} adds up squares, and a label of {head!r} is {largest:g}: declare the outcome in a larger unit")
    at = examples.at[index]
    age = at.max() - at
    if learner.window is not None:
        index, age = index[age <= micros(learner.window)], age[age <= micros(learner.window)]
    weight = examples.weight[index]
    if learner.decay is not None:
        weight = weight * np.exp2(-age / micros(learner.decay))
    return head, index, examples.labels[head][index], weight


def check_shares(label: Array, head: str, learner: Any) -> None:
    """Check that labels, none missing, are shares or chances.

    Raises:
        TrainingError: One is not in [0, 1].
    """
    strange = label[(label < 0) | (label > 1)]
    if len(strange):
        raise TrainingError(
            f"{type(learner).__name__} believes in a chance, so the labels of {head!r} lie in [0, 1]: {len(strange)} of {len(label)} "
            f"do not, such as {float(strange[0])!r}; use NormalBelief() or LinearBelief() for quantities"
        )


def one_head(heads: tuple[str, ...], learner: Any) -> str:
    """Return the one outcome that a belief is about.

    Raises:
        BadInput: There are several, or none.
    """
    if len(heads) != 1:
        raise BadInput(f"{type(learner).__name__} believes something of one outcome, not of {len(heads)}: declare a model for each")
    return heads[0]
