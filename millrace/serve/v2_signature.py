"""What a version takes and gives, as the Open Inference Protocol says it: inputs and outputs with names, datatypes and shapes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from millrace.decision import Scorer
from millrace.features.declare import Aggregate
from millrace.features.values import kind_of
from millrace.loaded import Loaded
from millrace.models.declare import POSITION, Model, Pairs
from millrace.models.encoding import Encoding
from millrace.models.learner import CANDIDATE, QUERY
from millrace.schema import Field
from millrace.serve.naming import feature_names
from millrace.serve.v2_tensors import BOOLEAN, NUMBER, TEXT, WHOLE, datatype_of
from millrace.types import Array, Columns, objects

_OF_KIND = {"category": TEXT, "text": TEXT, "bytes": TEXT, "boolean": BOOLEAN, "number": NUMBER, "integer": WHOLE, "instant": WHOLE}


@dataclass(frozen=True)
class Input:
    """One feature of a version: what callers name it, the column it is, and the datatype it has."""

    name: str
    column: str
    datatype: str

    @property
    def is_number(self) -> bool:
        """Whether it is a number; a whole one may be sent in any type of numbers too."""
        return self.datatype in (NUMBER, WHOLE)


@dataclass(frozen=True)
class Output:
    """One column of what a version says: what callers name it, the column it is, its datatype and its shape (-1 for the rows)."""

    name: str
    column: str
    datatype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Signature:
    """The inputs and outputs of a version.

    Attributes:
        inputs: In the order of the version's matrix.
        outputs: The outcomes first.
        positioned: Whether the version also knows the place a row was shown at: all rows are then scored as if they stood in the best one.
    """

    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    positioned: bool

    @cached_property
    def places(self) -> dict[str, int]:
        """By name and by column, which input is meant."""
        columns = {one.column: place for place, one in enumerate(self.inputs)}
        return columns | {one.name: place for place, one in enumerate(self.inputs)}

    @cached_property
    def numbers(self) -> list[int]:
        """Which inputs are numbers."""
        return [place for place, one in enumerate(self.inputs) if one.is_number]

    @cached_property
    def others(self) -> list[int]:
        """Which inputs are text or booleans."""
        return [place for place, one in enumerate(self.inputs) if not one.is_number]


def signature(loaded: Loaded, model: Model, version: Scorer) -> Signature:
    """Return what a version of a model takes and gives.

    The inputs are those that the version was trained with where it says so, else those that the model declares. The outputs are what it
    says of a row of which nothing is known; where it cannot be asked that, the model's outcomes.
    """
    inputs = _inputs(loaded, model, version)
    try:
        said = version.score(_nothing(inputs, model.position))
    except Exception:  # a learner may be anybody's, and refuse a row without anything in it
        said = {head: np.zeros(1) for head in model.heads}
    names = _distinct({one.column: loaded.names.get(id(one), one.column) for one in model.outcomes})
    columns = [*(head for head in model.heads if head in said), *(column for column in said if column not in model.heads)]
    return Signature(inputs, tuple(_output(column, said[column], names) for column in columns), model.position)


def _inputs(loaded: Loaded, model: Model, version: Scorer) -> tuple[Input, ...]:
    declared = {one.column: _OF_KIND.get(_kind(one), NUMBER) for one in model.features}
    kinds = {QUERY: TEXT, CANDIDATE: TEXT, **declared} if isinstance(model.examples, Pairs) else declared
    if (encoding := _encoding(version)) is not None:
        trained = {one.name: _OF_KIND[one.kind] for one in encoding.features if one.name != POSITION}
        kinds = {column: WHOLE if (kind, kinds.get(column)) == (NUMBER, WHOLE) else kind for column, kind in trained.items()}
    names = feature_names(loaded)
    called = _distinct({column: names.get(column, column) for column in kinds})
    return tuple(Input(called[column], column, kind) for column, kind in kinds.items())


def _encoding(version: Any) -> Encoding | None:
    """Return how a version turns columns into its matrix, if it is one that does."""
    version = getattr(version, "inner", version)
    found = getattr(version, "encoding", None) or getattr(getattr(version, "design", None), "encoding", None)
    return found if isinstance(found, Encoding) else None


def _kind(feature: Any) -> str:
    if isinstance(feature, Field):
        return "number" if feature.dtype is np.float64 else feature.kind  # a whole number that may be missing is one that is not whole
    if isinstance(feature, Aggregate) and feature.is_value and feature.value is not None:
        return kind_of(feature.value) if kind_of(feature.value) == "text" else "number"
    return "number"


def _distinct(names: Mapping[str, str]) -> dict[str, str]:
    """Return names by column, where a name that several columns have gives way to the columns themselves."""
    count = Counter(names.values())
    return {column: name if count[name] == 1 else column for column, name in names.items()}


def _nothing(inputs: Iterable[Input], positioned: bool) -> Columns:
    missing: dict[str, Array] = {NUMBER: np.full(1, np.nan), BOOLEAN: np.zeros(1, dtype=bool), TEXT: objects([None])}
    rows = {one.column: missing[NUMBER if one.is_number else one.datatype] for one in inputs}
    return rows | ({POSITION: np.zeros(1)} if positioned else {})


def _output(column: str, values: Array, names: Mapping[str, str]) -> Output:
    return Output(_named(column, names), column, datatype_of(values), (-1, *values.shape[1:]))


def _named(column: str, names: Mapping[str, str]) -> str:
    """Return what an output is called: an outcome by its name, what is said besides of an outcome by its name and the rest."""
    outcome = next((head for head in sorted(names, key=len, reverse=True) if column.startswith(head)), "")
    return names.get(outcome, "") + column[len(outcome) :]
