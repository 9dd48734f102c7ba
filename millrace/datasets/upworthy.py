"""Upworthy Research Archive: headlines and pictures of a magazine tried against each other, 2013 to 2015, as arms with their clicks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from millrace.datasets.dataset import ChoiceLog
from millrace.datasets.table import Column, Table
from millrace.log.kinds import Flag, Integer, Number
from millrace.types import Array

_DOUBTFUL = (201326, 201402)
"""Tests of these weeks, 25 June 2013 to 10 January 2014: arms were not drawn alike, and the archive advises against inference."""


class Arms(NamedTuple):
    """Tests of several arms each; the arms of a test are together.

    Attributes:
        test: The number of each arm's test, from 0, ascending. int64, shape (arms,).
        impressions: How often the arm was shown. int64, shape (arms,).
        clicks: How often it was clicked. int64, shape (arms,).
        week: ISO year and week of the test, such as 201446. int64, shape (arms,).
        row: The arm's row in the cleaned table. int64, shape (arms,).
    """

    test: Array
    impressions: Array
    clicks: Array
    week: Array
    row: Array

    @property
    def rates(self) -> Array:
        """Return the share of the impressions of each arm that were clicked. Shape (arms,)."""
        return self.clicks / self.impressions


def arms(tables: Mapping[str, Table], *, doubtful: bool = False) -> Arms:
    """Return the arms of the tests that have two or more.

    Args:
        tables: As read.
        doubtful: Whether to take the tests too that the archive's owner advises against drawing inferences from.
    """
    table = cleaned(tables["arms"])
    rows = table.rows
    kept = np.ones(len(rows["clicks"]), dtype=bool)
    if not doubtful:
        kept = (rows["test_week"] < _DOUBTFUL[0]) | (rows["test_week"] > _DOUBTFUL[1])
    _, number, times = np.unique(rows["clickability_test_id"].astype(str), return_inverse=True, return_counts=True)
    taken = np.flatnonzero(kept & (times[number] > 1))
    taken = taken[np.argsort(number[taken], kind="stable")]
    _, test = np.unique(number[taken], return_inverse=True)
    return Arms(test, rows["impressions"][taken], rows["clicks"][taken], rows["test_week"][taken], taken)


def cleaned(table: Table) -> Table:
    """Return the arms without those that were never shown, or clicked more often than shown."""
    table = table.without("it was never shown", table.rows["impressions"] <= 0)
    clicks = table.rows["clicks"]
    return table.without("it was clicked more often than shown", (clicks < 0) | (clicks > table.rows["impressions"]))


UPWORTHY = ChoiceLog(
    name="upworthy",
    title="Upworthy Research Archive: headlines and pictures tried against each other, 2013 to 2015",
    licence="CC BY 4.0",
    source="https://osf.io/jd64p/",
    citation="Matias, J. N., Munger, K., Le Quere, M. A. & Ebersole, C. (2021). The Upworthy Research Archive, a time series of 32,487 "
    "experiments in U.S. media. Scientific Data 8, 195. https://doi.org/10.1038/s41597-021-00934-7",
    tables={
        "arms": {
            "clickability_test_id": Column("a test; its arms were shown at the same time", key=True),
            "headline": Column("the headline of the arm", optional=True),
            "impressions": Column("how often it was shown", Integer()),
            "clicks": Column("how often it was clicked", Integer()),
            "significance": Column("what the publisher's own statistic said of it, 0 to 100", Number(), optional=True),
            "winner": Column("whether the publisher took it in the end", Flag(), optional=True),
            "test_week": Column("ISO year and week of the test, such as 201446", Integer()),
            "eyecatcher_id": Column("the picture", optional=True),
        },
    },
)
