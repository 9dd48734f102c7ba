"""A declaration as one would write it: by its name where it has one, else by its class and what is set."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from millrace.expressions import Expr
from millrace.features.declare import Aggregate, OnDemand, Ratio
from millrace.features.learned import Learned
from millrace.loaded import Loaded
from millrace.models.declare import Outcome
from millrace.walk import is_declaration

_MANY, _SHOWN = 20, 3
"""Of a list of more names than these, as of units shared out beforehand, so many are shown."""


def named(loaded: Loaded, declaration: Any) -> str:
    """Return the name a declaration is bound to, "" for one that was only given a name after what holds it."""
    name = loaded.names.get(id(declaration), "")
    return "" if "." in name and not isinstance(declaration, Aggregate | Ratio | OnDemand | Learned) else name


def written(loaded: Loaded, value: Any) -> str:
    """Return a value as one would write it inside another declaration."""
    return (named(loaded, value) if is_declaration(value) else "") or spelt(loaded, value)


def spelt(loaded: Loaded, value: Any, *, but: str = "") -> str:
    """Return a value by its class and settings, but for one of these, those left at their defaults not said."""
    if isinstance(value, Expr | Aggregate | Ratio | Outcome | OnDemand | Learned):
        return value.column
    if isinstance(value, type):
        return value.__name__
    if is_declaration(value):
        return f"{type(value).__name__}({', '.join(_settings(loaded, value, but))})"
    if isinstance(value, tuple | list):
        if len(value) > _MANY and all(isinstance(one, str) for one in value):
            return f"{', '.join(value[:_SHOWN])} and {len(value) - _SHOWN:,} more"
        pairs = bool(value) and all(isinstance(one, tuple) and len(one) == 2 for one in value)
        shown = ", ".join(f"{written(loaded, one[0])}: {written(loaded, one[1])}" if pairs else written(loaded, one) for one in value)
        return f"{{{shown}}}" if pairs else shown
    return f"{value:g}" if isinstance(value, float) else str(value)


def _settings(loaded: Loaded, declaration: Any, but: str) -> Iterator[str]:
    """Yield what is set, as the class takes it: the first argument bare, the others by name."""
    for place, parameter in enumerate(inspect.signature(type(declaration)).parameters.values()):
        value = getattr(declaration, parameter.name) if parameter.name != but else None
        if value is None or (_is_plain(value) and value == parameter.default) or (isinstance(value, tuple) and not value):
            continue
        shown = spelt(loaded, value) if isinstance(value, tuple | list) else written(loaded, value)
        if parameter.kind is parameter.VAR_POSITIONAL or (place == 0 and parameter.kind is parameter.POSITIONAL_OR_KEYWORD):
            yield shown
        else:
            yield f"{parameter.name}=[{shown}]" if isinstance(value, tuple | list) and len(value) > 1 else f"{parameter.name}={shown}"


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float) or (isinstance(value, tuple) and bool(value) and all(map(_is_plain, value)))
