"""What is asked of every unit of a scan, where moments do not say enough."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from millrace.experiments.needs import MOST_ROWS, Needs, Term
from millrace.experiments.summary import in_order
from millrace.types import Array, take

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


class ScannedRows:
    """Rows of all arms and strata, read once and told apart.

    Args:
        connection: Where they are.
        query: A query for rows with columns `arm_`, `stratum_`, and those needed.
        needs: What is asked; where it asks for no rows there are none.
        sql: A term, written in SQL.
        units: How many rows there are; more than `MOST_ROWS` are not read.
    """

    def __init__(self, connection: DuckDBPyConnection, query: str, needs: Needs, sql: Callable[[Term], str], units: int) -> None:
        self._needs, self._terms, self._labels = needs, sorted(needs.rows, key=str), sorted(needs.labels)
        self._is_many = units > MOST_ROWS and bool(self._terms)
        self._read: dict[str, Array] = {}
        if not self._terms or self._is_many:
            return
        asked = "".join(f", {sql(term)} AS r{place}" for place, term in enumerate(self._terms))
        asked += "".join(f", coalesce(l{place}, 'None') AS l{place}" for place in range(len(self._labels)))
        given = "".join(f", {named(label)} AS l{place}" for place, label in enumerate(self._labels))
        found = connection.execute(f"SELECT arm_::VARCHAR AS arm_, stratum_{asked} FROM (SELECT *{given} FROM ({query}))").fetchnumpy()
        self._read = {name: np.ma.filled(column, np.nan) for name, column in found.items()}

    def of(self, arm: str, stratum: str, whole: set[Term]) -> dict[str, Array] | None:
        """Return those of one arm, by name; None where there are too many. Shape (units,) each.

        Args:
            arm: The arm.
            stratum: Its stratum.
            whole: The terms without broken columns; the others are left out.
        """
        if self._is_many:
            return None
        if not self._read:
            return {}
        mine = take(self._read, (self._read["arm_"].astype(str) == arm) & (self._read["stratum_"].astype(str) == stratum))
        told = {term.name: mine[f"r{place}"].astype(np.float64) for place, term in enumerate(self._terms) if term in whole}
        return in_order({label: mine[f"l{place}"].astype(str) for place, label in enumerate(self._labels)}, told)


def named(column: str) -> str:
    """Return a column's name as SQL writes it."""
    return '"' + column.replace('"', '""') + '"'
