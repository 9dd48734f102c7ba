"""A trial: what a system may learn from, what it is asked afterwards, and what then came of it. It speaks in stream names and columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from millrace.datasets.table import Table
from millrace.types import Array, Columns


@dataclass(frozen=True)
class Ranking:
    """The right answers of a trial that ranks.

    Attributes:
        query: The field of the requests that says who asks; the events below have it under the same name.
        taken: The stream whose events the simple answers count.
        candidate: The field of that stream that names what was taken.
        held: What was kept back, `request` (position in the requests) and `candidate`.
        k: How many places count.
        metric: What the figure is called.
    """

    query: str
    taken: str
    candidate: str
    held: Columns
    k: int
    metric: str


@dataclass(frozen=True)
class Scoring:
    """The right answers of a trial that scores.

    Attributes:
        label: What happened to each request, 0 or 1. Shape (requests,).
        metrics: By which scores are judged, the most important first.
    """

    label: Array
    metrics: tuple[str, ...]


@dataclass(frozen=True)
class Trial:
    """A data set made into a history and the questions after it.

    Attributes:
        protocol: How it was split and what is asked, in a sentence or two.
        streams: By stream name, the rows to import, in this order: `at` (microseconds), the fields, and `id` where a row has one.
        decided: By stream name, the column that says what was decided: such rows are requests that somebody else has answered.
        requests: What is asked: `id`, `at` and the fields of the request.
        at: As of when all of it is answered, microseconds: after everything imported.
        answers: What is right.
        tables: The cleaned tables; they know what was set aside.
    """

    protocol: str
    streams: Mapping[str, Columns]
    decided: Mapping[str, str]
    requests: Columns
    at: int
    answers: Ranking | Scoring
    tables: Mapping[str, Table]
