"""All that metrics need of units that are in a file or a table, asked for once: DuckDB sums up, arms come back as summaries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from millrace.experiments.moments import Moments
from millrace.experiments.needs import Needs, Ordered, Term
from millrace.experiments.reasons import Reason, Refused
from millrace.experiments.summary import Summary
from millrace.operate.scanned_rows import ScannedRows, named
from millrace.types import Array, Columns

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

MEMORY = "3GB"
"""How much DuckDB may keep in memory before it writes to disk."""
_SAMPLE = 2_048
"""From how many rows is guessed about where values lie: what is summed up are distances from there."""
_FAR = 1e6
"""How many variances from there an arm's mean may lie before its distances are taken from that mean and summed up again."""


def scan(
    source: Path | pa.Table | Columns,
    needs: Needs,
    *,
    arm: str = "arm",
    unit: str | None = None,
    stratum: str | None = None,
    memory: str = MEMORY,
    threads: int | None = None,
) -> dict[str, dict[str, Summary]]:
    """Return every arm's summary by stratum, "" where none is named: as `summarise` would, of more rows than memory holds.

    Distances from a value near by are multiplied and summed up, so nothing cancels where values are large and alike. Quantiles, and the
    limits of winsorised columns, take a scan of their own.

    Args:
        source: A Parquet file, an Arrow table, or columns.
        needs: What is asked, by all metrics together.
        arm: The column that says which arm a row's unit is in.
        unit: The column that says whose row it is, where units have several: their rows are summed up first.
        stratum: The column that tells strata apart.
        memory: How much memory the scan may take, as "3GB"; what is more goes to disk.
        threads: How many threads; as many as there are cores if not given.

    Raises:
        Refused: A unit's rows are in two arms.
    """
    import duckdb

    settings: dict[str, Any] = {"memory_limit": memory, "preserve_insertion_order": False}
    with closing(duckdb.connect(config=settings | ({"threads": threads} if threads else {}))) as connection:
        rows = _rows(connection, source, needs, arm, unit, stratum)
        return _Scan(connection, rows, needs, "arm_" if stratum is None else "arm_, stratum_").summaries()


def _rows(connection: DuckDBPyConnection, source: Any, needs: Needs, arm: str, unit: str | None, stratum: str | None) -> str:
    """Return a query for rows with columns `arm`, `stratum` and those needed, a row per unit."""
    if isinstance(source, Path):
        relation = f"read_parquet({_text(str(source))})"
    else:
        connection.register("given", _arrow(source) if isinstance(source, Mapping) else source)
        relation = "given"
    of = named(stratum) if stratum is not None else "''"
    columns, labels = needs.columns(), sorted(needs.labels)
    if unit is None:
        read = "".join(f", {named(column)}::DOUBLE AS {named(column)}" for column in columns)
        read += "".join(f", {named(label)}::VARCHAR AS {named(label)}" for label in labels)
        return f"SELECT {named(arm)} AS arm_, {of} AS stratum_{read} FROM {relation}"
    read = "".join(f", sum({named(column)}::DOUBLE) AS {named(column)}" for column in columns)
    read += "".join(f", any_value({named(label)}::VARCHAR) AS {named(label)}" for label in labels)
    arms = f"min({named(arm)}) AS arm_, max({named(arm)}) AS other_"
    grouped = f"SELECT {arms}, any_value({of}) AS stratum_{read} FROM {relation} GROUP BY {named(unit)}"
    return f"SELECT * REPLACE (CASE WHEN arm_ = other_ THEN arm_ END AS arm_) FROM ({grouped})"


class _Scan:
    """Scans of one table of units."""

    def __init__(self, connection: DuckDBPyConnection, rows: str, needs: Needs, groups: str) -> None:
        self._connection, self._rows, self._needs, self._groups = connection, rows, needs, groups
        self._stratum = "stratum_" if "stratum_" in groups else "''"
        self._terms = tuple({term.name: term for group in sorted(needs.together, key=str) for term in group}.values())
        self._place = {term: place for place, term in enumerate(self._terms)}
        at = [self._at(group) for group in needs.together]
        self._pairs = sorted({(min(a, b), max(a, b)) for places in at for a in places for b in places})
        # The sum of a square's distances from a pivot's square follows from those of what is squared: it need not be asked.
        self._squares = {self._place[term.multiplied(term)]: k for k, term in enumerate(self._terms) if self._is_squared(term)}
        self._limits: dict[tuple[str, float], float] = {}

    def summaries(self) -> dict[str, dict[str, Summary]]:
        """Return every arm's summary by stratum."""
        self._limits = self._limited()
        found: dict[str, dict[str, Summary]] = {}
        pivots = self._pivots()
        rows = self._summed(pivots)
        broken = self._broken() if any(_is_broken(row) for row in rows) else {}
        each = ScannedRows(self._connection, self._rows, self._needs, self._sql, sum(row[2] for row in rows))
        for arm, stratum, units, *sums in rows:
            if arm is None:
                said = f"{units} units have rows in two arms: mend the assignment, or leave them out of every arm"
                raise Refused(Reason.TWO_ARMS, said, "unit")
            found.setdefault(str(stratum), {})[str(arm)] = self._summary(
                str(arm), str(stratum), int(units), broken.get((arm, stratum), {}), sums, pivots, each
            )
        return {stratum: dict(sorted(arms.items())) for stratum, arms in sorted(found.items())}

    def _at(self, group: Sequence[Term]) -> list[int]:
        return [self._place[term] for term in group]

    def _is_squared(self, term: Term) -> bool:
        return term.times is None and term.multiplied(term) in self._place and (self._place[term], self._place[term]) in self._pairs

    def _limited(self) -> dict[tuple[str, float], float]:
        wanted = self._needs.winsorised()
        if not wanted:
            return {}
        asked = ", ".join(f"quantile_cont({named(column)}, {q!r}) FILTER (isfinite({named(column)}))" for column, q in wanted)
        (row,) = self._connection.execute(f"SELECT {asked} FROM ({self._rows})").fetchall()
        return {limit: float("nan") if value is None else float(value) for limit, value in zip(wanted, row, strict=True)}

    def _pivots(self) -> Array:
        """Return about where each term lies."""
        if not self._terms:
            return np.zeros(0)
        asked = ", ".join(f"median({self._sql(term)})" for term in self._terms)
        (row,) = self._connection.execute(f"SELECT {asked} FROM (SELECT * FROM ({self._rows}) LIMIT {_SAMPLE})").fetchall()
        guessed = np.array([np.nan if value is None else value for value in row], dtype=np.float64)
        return self._with_squares(np.where(np.isfinite(guessed), guessed, 0.0))

    def _with_squares(self, pivots: Array) -> Array:
        """Return pivots of which that of a square is the square of what is squared."""
        for square, of in self._squares.items():
            pivots[square] = pivots[of] ** 2
        return pivots

    def _summed(self, pivots: Array, where: str = "") -> list[tuple[Any, ...]]:
        """Return (arm, stratum, units, a sum per column, sums per term, sums of products per pair), the last two from the pivots on.

        Of a column that is summed up as it is, in a term, the count is enough to tell what is missing; else its own sum tells.
        """
        moved = "".join(f", {self._sql(term)} - {_number(pivots[place])} AS t{place}" for place, term in enumerate(self._terms))
        columns = self._needs.columns()
        there = "".join(f", {named(column)} AS c{place}" for place, column in enumerate(columns))
        plain = {term.column for term in self._terms if term == Term(term.column)}
        asked = [f"CASE WHEN count(c{k}) = count(*) THEN {0 if of in plain else f'sum(c{k})'} END" for k, of in enumerate(columns)]
        asked += [f"sum(t{place})" for place in range(len(self._terms)) if place not in self._squares]
        asked += [f"sum(t{a} * t{b})" for a, b in self._pairs]
        inner = f"SELECT arm_, stratum_{there}{moved} FROM ({self._rows}) {where}"
        return self._connection.execute(
            f"SELECT arm_, {self._stratum}, count(*), {', '.join(asked) or '0'} FROM ({inner}) GROUP BY {self._groups}"
        ).fetchall()

    def _broken(self) -> dict[tuple[str, str], dict[str, int]]:
        """Return by (arm, stratum) how many units have no finite number in a column, for those where some do."""
        columns = self._needs.columns()
        asked = ", ".join(f"count(*) FILTER (NOT coalesce(isfinite({named(column)}), false))" for column in columns)
        rows = self._connection.execute(f"SELECT arm_, {self._stratum}, {asked} FROM ({self._rows}) GROUP BY {self._groups}").fetchall()
        return {(row[0], row[1]): {column: n for column, n in zip(columns, row[2:], strict=True) if n} for row in rows}

    def _summary(
        self, arm: str, stratum: str, units: int, broken: dict[str, int], sums: Sequence[Any], pivots: Array, each: ScannedRows
    ) -> Summary:
        columns = self._needs.columns()
        whole = {term for term in self._needs.terms() if not broken.keys() & set(term.columns)}
        groups = [group for group in self._needs.together if whole.issuperset(group)]
        used = sorted({place for group in groups for place in self._at(group)})
        means, scatter = self._moments(units, sums[len(columns) :], pivots)
        if (units * (means - pivots)[used] ** 2 > _FAR * np.diag(scatter)[used]).any():  # too far off for so fine a spread
            nearer = self._with_squares(np.where(np.isin(np.arange(len(means)), used), means, pivots))
            (again,) = self._summed(nearer, f"WHERE arm_ = {_text(arm)} AND stratum_ = {_text(stratum)}")
            means, scatter = self._moments(units, again[3 + len(columns) :], nearer)
        return Summary(
            arm=arm,
            units=units,
            together={group: _part(group, self._at(group), units, means, scatter) for group in groups},
            values={asked: self._ordered(arm, stratum, units, asked) for asked in self._needs.ordered if asked.term in whole},
            broken=broken,
            limits=dict(self._limits),
            rows=each.of(arm, stratum, whole),
        )

    def _moments(self, units: int, sums: Sequence[Any], pivots: Array) -> tuple[Array, Array]:
        """Return (means, scatter) of all terms; of pairs that nobody asked for it is 0."""
        numbers = np.array([np.nan if one is None else one for one in sums], dtype=np.float64)
        k, asked = len(self._terms), [place for place in range(len(self._terms)) if place not in self._squares]
        apart, products = np.zeros(k), dict(zip(self._pairs, numbers[len(asked) :], strict=False))
        apart[asked] = numbers[: len(asked)] / units
        scatter = np.zeros((k, k))
        with np.errstate(invalid="ignore"):  # of broken columns, which nobody reads
            for square, of in self._squares.items():
                apart[square] = products[of, of] / units + 2 * pivots[of] * apart[of]
            for (a, b), product in products.items():
                scatter[a, b] = scatter[b, a] = product - units * apart[a] * apart[b]
            np.fill_diagonal(scatter, np.maximum(np.diag(scatter), 0.0))
        return pivots + apart, scatter

    def _ordered(self, arm: str, stratum: str, units: int, asked: Ordered) -> Array:
        at = ", ".join(repr((int(rank) + 0.5) / units) for rank in asked.ranks(units))
        here = f"WHERE arm_ = {_text(arm)} AND stratum_ = {_text(stratum)}"
        (row,) = self._connection.execute(f"SELECT quantile_disc({self._sql(asked.term)}, [{at}]) FROM ({self._rows}) {here}").fetchall()
        return np.array(row[0], dtype=np.float64)

    def _sql(self, term: Term) -> str:
        value = f"{named(term.column)}"
        if term.above is not None:
            value = f"({value} > {_number(term.above)})::DOUBLE"
        if term.cap is not None:
            value = f"least({value}, {_number(term.cap)})"
        if term.winsorise is not None:
            value = f"least({value}, {_number(self._limits[term.column, term.winsorise])})"
        return value if term.times is None else f"({value} * {self._sql(term.times)})"


def _is_broken(row: Sequence[Any]) -> bool:
    """Whether something in a row of sums is no finite number: a column may be, and which is to be found out."""
    return any(value is None or not np.isfinite(value) for value in row[3:])


def _part(group: Sequence[Term], places: Sequence[int], units: int, means: Array, scatter: Array) -> Moments:
    return Moments(tuple(term.name for term in group), units, means[places], scatter[np.ix_(places, places)])


def _arrow(columns: Columns) -> pa.Table:
    import pyarrow as pa

    return pa.table({name: pa.array(column.tolist() if column.dtype == object else column) for name, column in columns.items()})


def _number(value: float) -> str:
    return f"'{float(value)!r}'::DOUBLE"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
