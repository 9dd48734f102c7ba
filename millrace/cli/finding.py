"""Features by the name a user knows them by."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from millrace.errors import NotFound
from millrace.loaded import Loaded
from millrace.serve.naming import feature_names


def named_features(loaded: Loaded) -> dict[str, Any]:
    """Return every feature a system reads by its declared name, or by its column where it has none."""
    names = feature_names(loaded)
    return {names.get(column, column): one for column, one in loaded.plan.features.items()}


def feature_called(loaded: Loaded, name: str) -> Any:
    """Return a feature by its declared name or its column.

    Raises:
        NotFound: There is none, or it is a family; the message names those that are near.
    """
    known = named_features(loaded)
    found = known.get(name, loaded.plan.features.get(name))
    if found is not None:
        return found
    members = [one for one in known if one.startswith(f"{name}[")]
    near = members or get_close_matches(name, known, 5) or list(known)
    raise NotFound(f"{loaded.name} reads no feature {name!r}: choose {', '.join(near)}")
