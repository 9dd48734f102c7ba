"""The rules of what is kept: nothing that a feature or an outcome still needs is dropped with time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from millrace.checks.rule import Problem, Rule
from millrace.features.declare import Aggregate
from millrace.features.plan import with_needs
from millrace.loaded import Loaded
from millrace.log.settling import AHEAD
from millrace.models.declare import Judged, Outcome, Pairs
from millrace.schema import retention, shows
from millrace.types import DAY, duration


def _windows_are_kept(loaded: Loaded) -> Iterator[Problem]:
    for reader, feature in loaded.features():
        for one in with_needs([feature]).values():
            kept = retention(one.stream) if isinstance(one, Aggregate) else None
            if kept is not None:
                about = one if id(one) in loaded.names else reader
                yield from ((about, sentence) for sentence in _wrong_with_window(one, kept))


def _wrong_with_window(one: Aggregate, kept: int) -> Iterator[str]:
    owner = _kept_class(one.stream)
    if one.window.is_lifetime:
        yield (
            f"{one.column} reads every {owner.__name__} there ever was, and {owner.__name__} is kept {duration(kept)}:"
            " give it a window, or drop retain="
        )
    elif (reach := one.window.length + one.window.hop + AHEAD) > kept:
        yield (
            f"{one.column} reads {owner.__name__} as far back as {duration(one.window.length)} and a step of its window, and"
            f' {owner.__name__} is kept {duration(kept)}: keep it longer, retain="{_days(reach)}" at least, or shorten the window'
        )


def _kept_class(stream: Any) -> Any:
    pair = shows(stream)
    return pair[0] if pair else stream


def _days(length: int) -> str:
    return f"{-(-length // DAY)}d"


def _outcomes_are_kept(loaded: Loaded) -> Iterator[Problem]:
    for one in loaded.of(Outcome):
        kept = retention(one.stream)
        if kept is not None and kept < one.window:
            name = one.stream.__name__
            yield one, f'{name} is kept {duration(kept)}, and it may come {one.within} later: retain="{_days(one.window)}" at least'


def _what_is_referred_to_is_kept(loaded: Loaded) -> Iterator[Problem]:
    for owner, fields in loaded.plan.attributes.items():
        kept = retention(owner)
        if kept is not None:
            yield (
                owner if id(owner) in loaded.names else loaded.system,
                f"{owner.__name__} is kept {duration(kept)}, but what refers to it later reads its {fields[0]}: drop retain=, or "
                f"let that have a field {fields[0]} of its own",
            )


def _examples_are_kept_with_their_features(loaded: Loaded) -> Iterator[Problem]:
    for model in loaded.models.values():
        if not isinstance(model.examples, Pairs | Judged):
            continue
        for one in with_needs(model.features).values():
            if isinstance(one, Aggregate) and retention(one.stream) is not None:
                yield (
                    model,
                    f"its examples go back as far as the log, and {one.column} reads {_kept_class(one.stream).__name__}, which is dropped"
                    " with time: leave the feature out, learn from Decided(), or drop retain=",
                )


RULES: tuple[Rule, ...] = (
    _windows_are_kept,
    _outcomes_are_kept,
    _what_is_referred_to_is_kept,
    _examples_are_kept_with_their_features,
)
