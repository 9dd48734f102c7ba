"""What the labels of an outcome can teach: which rows have one, and whether they are of the kind a learner needs."""

from __future__ import annotations

import numpy as np

from millrace.errors import TrainingError
from millrace.models.learner import Examples
from millrace.types import Array


def heads_of(examples: Examples, learner: str) -> tuple[str, ...]:
    """Return the outcomes of the examples, in order.

    Raises:
        TrainingError: There is none, so there is nothing to learn.
    """
    if not examples.labels:
        raise TrainingError(f"{learner} learns from outcomes and these examples have none: declare the model with at least one outcome")
    return tuple(examples.labels)


def labelled(examples: Examples, head: str, learner: str) -> Array:
    """Return the positions of the rows that teach `head`: those with a label and a weight above 0. Shape (k,).

    Raises:
        TrainingError: There is none, or a label is infinite.
    """
    label = examples.labels[head]
    if np.isinf(label).any():
        raise TrainingError(f"{learner} cannot learn {head!r}: {np.isinf(label).sum()} of its labels are infinite; mend the outcome")
    index = np.flatnonzero(~np.isnan(label) & (examples.weight > 0))
    if len(index) == 0:
        raise TrainingError(
            f"{learner} cannot learn {head!r}: none of the {len(examples)} rows has a label; wait until the outcome's window "
            f"has closed for some decisions, or let more of them be seen"
        )
    return index


def require_yes_and_no(label: Array, head: str, learner: str) -> None:
    """Check that labels, none missing, are all 0 or 1 and that both occur.

    Raises:
        TrainingError: They are not, or they do not; the message counts them.
    """
    strange = label[(label != 0) & (label != 1)]
    if len(strange):
        raise TrainingError(
            f"{learner} learns a probability, so the labels of {head!r} are 0 or 1: {len(strange)} of {len(label)} are not, "
            f'such as {float(strange[0])!r}; use GradientBoosting(loss="squared") for quantities'
        )
    require_both(label, head, learner)


def require_both(label: Array, head: str, learner: str) -> None:
    """Check that some labels, none missing, are above 0 (positives) and some are not (negatives).

    Raises:
        TrainingError: One kind is missing; the message counts both.
    """
    positives = int((label > 0).sum())
    negatives = len(label) - positives
    if not positives or not negatives:
        raise TrainingError(
            f"{learner} cannot learn {head!r}: its labelled rows hold {positives} positives and {negatives} negatives, and it needs both; "
            f"take a longer history or check the outcome's window"
        )
