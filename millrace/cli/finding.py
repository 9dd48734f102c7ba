"""Features by the name a user knows them by."""

from __future__ import annotations

import re
from collections.abc import Mapping
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
    """Return a feature by its declared name, by its column, or as the module spells it where that is one: `clicks["7d"]`.

    Raises:
        NotFound: There is none, or it is a family; the message names those that are near.
    """
    known = named_features(loaded)
    found = known.get(name, loaded.plan.features.get(name))
    if found is not None:
        return found
    spelt = _members(known, name)
    if len(spelt) == 1:
        return known[spelt[0]]
    members = [one for one in known if one.startswith(f"{name}[")]
    near = spelt or members or get_close_matches(name, known, 5) or list(known)
    raise NotFound(f"{loaded.name} reads no feature {name!r}: choose {', '.join(near)}")


def _members(known: Mapping[str, Any], spelt: str) -> list[str]:
    """Return the members of a family that have all that stands in the brackets of a spelling."""
    family, bracket, inside = re.sub(r"[\s\"'()]", "", spelt).partition("[")
    asked = set(inside.removesuffix("]").split(","))
    return [one for one in known if bracket and one.startswith(f"{family}[") and asked <= set(one[len(family) + 1 : -1].split(", "))]
