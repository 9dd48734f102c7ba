"""The standard error of a difference of two arms, and its degrees of freedom."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from millrace.experiments.comparison import Arm


class Error(NamedTuple):
    """A standard error that was itself estimated.

    Attributes:
        size: The error, in the metric's unit.
        df: Its degrees of freedom; infinite where it is taken for known.
    """

    size: float
    df: float


def welch(control: Arm, treatment: Arm) -> Error:
    """Return the error of treatment - control when the arms may vary differently.

    Source: Welch (1947), The Generalization of Student's Problem; Satterthwaite (1946).

    >>> arm = Arm(name="a", value=1.0, variance=0.5, units=10, df=9.0)
    >>> welch(arm, arm)
    Error(size=1.0, df=18.0)
    """
    return combined((control.variance, control.df), (treatment.variance, treatment.df))


def pooled(control: Arm, treatment: Arm) -> Error:
    """Return the error of treatment - control when both arms' units vary alike (Student's).

    Its weakness: where they do not and the arms are of different size, it is wrong at every size. `welch` costs next to nothing.
    """
    df = control.df + treatment.df
    spread = (control.variance * control.units * control.df + treatment.variance * treatment.units * treatment.df) / df
    return Error(float(np.sqrt(spread * (1 / control.units + 1 / treatment.units))), df)


def combined(*parts: tuple[float, float]) -> Error:
    """Return the error of a sum of independent figures, given the (variance, degrees of freedom) of each (Satterthwaite)."""
    variance = sum(part for part, _ in parts)
    doubt = sum(part**2 / df for part, df in parts)
    return Error(float(np.sqrt(variance)), float(variance**2 / doubt) if doubt > 0 else float("inf"))
