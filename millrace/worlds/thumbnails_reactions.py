"""What viewers do about an artwork: click, soon or when they come back, and watch for a while."""

from __future__ import annotations

import numpy as np

from millrace.types import HOUR, MINUTE, SECOND, Array, Columns, take
from millrace.worlds.chance import Chance

_SOON = 25 * SECOND
_LATER = (12 * MINUTE, 10 * HOUR)
"""The least and the most time after which who comes back clicks; nothing is clicked between ten minutes and the least."""


def clicks(shown: Columns, likely: Array, later: float, chance: Chance) -> Columns:
    """Return the clicks as numbers: `key`, `at`, `viewer`, `artwork`, in order of the cards.

    The draw belongs to the card alone: whoever clicks an artwork would have clicked any likelier one, so two policies are told apart soon.

    Args:
        shown: Columns `number`, `at`, `viewer`, `artwork`.
        likely: The chance of a click. Shape (n,).
        later: Share of the clicks that come more than ten minutes after the card.
        chance: Where the draws come from.
    """
    hit = take(shown, chance.uniform("clicks", shown["number"]) < likely)
    number = hit["number"]
    soon = np.clip(_SOON * np.exp(0.9 * chance.normal("soon", number)), SECOND, 10 * MINUTE - 1)
    late = _LATER[0] * (_LATER[1] / _LATER[0]) ** chance.uniform("late", number)
    wait = np.where(chance.uniform("comes back", number) < later, late, soon)
    return {"key": number, "at": hit["at"] + wait.astype(np.int64), "viewer": hit["viewer"], "artwork": hit["artwork"]}


def watches(clicked: Columns, video: Array, mean: Array, chance: Chance) -> Columns:
    """Return a watch for each click as numbers: `key`, `at` (its end), `viewer`, `video`, `seconds` (log-normal about the mean given)."""
    seconds = mean * np.exp(0.8 * chance.normal("watches", clicked["key"]) - 0.32)
    ended = clicked["at"] + (seconds * SECOND).astype(np.int64)
    return {"key": clicked["key"], "at": ended, "viewer": clicked["viewer"], "video": video, "seconds": seconds}
