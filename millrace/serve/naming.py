"""What features are called: a feature is known by its structure, a person knows it by the name it is bound to."""

from __future__ import annotations

from millrace.features.declare import Aggregate, OnDemand, Ratio
from millrace.features.learned import Learned
from millrace.loaded import Loaded


def feature_names(loaded: Loaded) -> dict[str, str]:
    """Return the name of every feature a system reaches, by its column; the column itself where nothing binds it."""
    found: dict[str, str] = {}
    for one in loaded.of((Aggregate, Ratio, OnDemand, Learned)):
        if found.get(one.column, one.column) == one.column:
            found[one.column] = str(loaded.names.get(id(one), one.column))
    return found
