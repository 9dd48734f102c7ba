"""Checks of a learner's settings when it is declared."""

from __future__ import annotations

import math
from typing import Any

from millrace.errors import DeclarationError


def whole(learner: Any, setting: str, low: int, high: int) -> None:
    """Check that a setting is a whole number from `low` to `high`.

    Raises:
        DeclarationError: It is not; the message names the learner, the setting and the range.
    """
    value = getattr(learner, setting)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise _refusal(learner, setting, f"a whole number from {low} to {high}")


def whole_numbers(learner: Any, setting: str, low: int, high: int, most: int) -> None:
    """Check that a setting is a tuple of 1 to `most` whole numbers from `low` to `high`.

    Raises:
        DeclarationError: It is not; the message names the learner, the setting and the range.
    """
    value = getattr(learner, setting)
    is_fit = isinstance(value, tuple) and 1 <= len(value) <= most
    if not is_fit or not all(isinstance(one, int) and not isinstance(one, bool) and low <= one <= high for one in value):
        raise _refusal(learner, setting, f"a tuple of 1 to {most} whole numbers from {low} to {high}")


def positive(learner: Any, setting: str, high: float) -> None:
    """Check that a setting is a number above 0, `high` at most.

    Raises:
        DeclarationError: It is not; the message names the learner, the setting and the range.
    """
    if not (_is_number(getattr(learner, setting)) and 0 < getattr(learner, setting) <= high):
        raise _refusal(learner, setting, f"a number above 0, at most {high:g}")


def at_least_zero(learner: Any, setting: str, high: float) -> None:
    """Check that a setting is a number from 0 to `high`.

    Raises:
        DeclarationError: It is not; the message names the learner, the setting and the range.
    """
    if not (_is_number(getattr(learner, setting)) and 0 <= getattr(learner, setting) <= high):
        raise _refusal(learner, setting, f"a number from 0 to {high:g}")


def one_of(learner: Any, setting: str, *choices: str) -> None:
    """Check that a setting is one of some words.

    Raises:
        DeclarationError: It is not; the message names the learner, the setting and the words.
    """
    if getattr(learner, setting) not in choices:
        raise _refusal(learner, setting, "one of " + ", ".join(f'"{choice}"' for choice in choices))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _refusal(learner: Any, setting: str, rule: str) -> DeclarationError:
    return DeclarationError(f"{type(learner).__name__}({setting}={getattr(learner, setting)!r}): {setting} is {rule}")
