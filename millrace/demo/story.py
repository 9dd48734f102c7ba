"""What happened in a demonstration, and when."""

from __future__ import annotations

from dataclasses import dataclass, field

from millrace.types import DAY


@dataclass
class Story:
    """A run as it is told.

    Attributes:
        start: When the world began, microseconds.
        shock: When tastes changed, microseconds.
        end: When the run ended, microseconds.
        done: (instant, sentence) of everything the operator did.
    """

    start: int
    shock: int
    end: int
    done: list[tuple[int, str]] = field(default_factory=list)

    def day(self, at: int) -> float:
        """Return an instant as a day of the world, the first being 0 to 1."""
        return (at - self.start) / DAY

    def is_news(self, at: int, sentence: str) -> bool:
        """Whether a sentence is worth telling: an alarm that stays on is told once a day."""
        if not sentence.startswith("alert"):
            return True
        kind = _kind(sentence)
        return not any(_kind(told) == kind for when, told in self.done if told.startswith("alert") and at - DAY < when < at)


def _kind(sentence: str) -> str:
    """Return what an alert is about: its words up to the first figure."""
    words = sentence.split()
    return " ".join(word for word in words[:6] if not any(letter.isdigit() for letter in word))
