"""The tables beside the log. Importing this file loads SQLAlchemy; only an opened `Database` does so.

Whatever only grows (`releases`, `standings`, `changes`, `experiments`) is never updated by any code.
Instants are microseconds since 1970 UTC.
"""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Double, ForeignKey, Index, Integer, MetaData, Table, Text, UniqueConstraint

SCHEMA = 3
"""The version of these tables. Raise it with every change to them.

1: as they began. 2: `api_keys`. 3: `experiments`. So far every version only adds tables to the one before, which `database` relies on.
"""

METADATA = MetaData()


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def _whole(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


def _json(name: str) -> Column[object]:
    return Column(name, JSON(none_as_null=True), nullable=False)


# One row. Whoever writes anything locks it first, so writers take turns on every database.
Table("schema_version", METADATA, Column("version", Integer, primary_key=True, autoincrement=False))

Table(
    "versions",
    METADATA,
    Column("version", Text, primary_key=True),
    _text("model"),
    _whole("number"),
    _text("content"),
    _text("stage"),
    _json("lineage"),
    _json("metrics"),
    _json("settings"),
    _json("notes"),
    UniqueConstraint("model", "number"),
    UniqueConstraint("model", "content"),
)

Table(
    "releases",
    METADATA,
    Column("release", Text, primary_key=True),
    Column("number", BigInteger, nullable=False, unique=True),
    _text("system"),
    _text("content"),
    _text("system_hash"),
    _whole("created"),
    UniqueConstraint("system", "content"),
)

Table(
    "release_versions",
    METADATA,
    Column("release", ForeignKey("releases.release"), primary_key=True),
    Column("model", Text, primary_key=True),
    Column("version", ForeignKey("versions.version"), nullable=False, index=True),
)

# A column of their own, not JSON: a threshold may be infinite (never act), and JSON has no infinity.
Table(
    "release_thresholds",
    METADATA,
    Column("release", ForeignKey("releases.release"), primary_key=True),
    Column("rule", Text, primary_key=True),
    Column("score", Double, nullable=False),
)

# The key is the compare-and-swap: of two controllers that have seen revision n, one can insert n + 1.
Table(
    "standings",
    METADATA,
    Column("system", Text, primary_key=True),
    Column("revision", BigInteger, primary_key=True, autoincrement=False),
    Column("champion", ForeignKey("releases.release")),
    Column("rollout", JSON(none_as_null=True)),
    _text("action"),
    _whole("at"),
    _text("who"),
    _text("why"),
    Index("standings_by_time", "system", "at"),
)

Table(
    "changes",
    METADATA,
    Column("id", Integer, primary_key=True),
    _whole("at"),
    _text("who"),
    _text("what"),
    _text("subject"),
    Column("before", JSON(none_as_null=True)),
    Column("after", JSON(none_as_null=True)),
    _text("why"),
    Index("changes_by_subject", "subject", "at"),
    Index("changes_by_time", "at"),
)

Table(
    "alerts",
    METADATA,
    Column("id", Integer, primary_key=True),
    _text("system"),
    _text("monitor"),
    _whole("at"),
    _text("severity"),
    _text("message"),
    _json("data"),
    Index("alerts_by_time", "system", "at"),
)

Table(
    "runs",
    METADATA,
    Column("id", Integer, primary_key=True),
    _text("system"),
    _text("kind"),
    _text("key"),
    _whole("attempt"),
    _whole("started"),
    Column("ended", BigInteger),
    _text("status"),
    _text("message"),
    _json("data"),
    UniqueConstraint("system", "kind", "key"),
    Index("runs_by_time", "system", "started"),
)

# A key itself is never kept: who reads this table cannot use what it holds.
Table(
    "api_keys",
    METADATA,
    Column("name", Text, primary_key=True),
    _text("digest"),
    _text("role"),
    _json("systems"),
    Column("rate", Double),
    _whole("created"),
    Column("expires", BigInteger),
    Column("revoked", BigInteger),
    UniqueConstraint("digest"),
)

# What was planned, seen and decided: a row each, so nobody can plan afterwards, or look without its being known.
Table(
    "experiments",
    METADATA,
    Column("system", Text, primary_key=True),
    Column("experiment", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    _text("what"),
    _whole("at"),
    _text("who"),
    _text("why"),
    _json("data"),
)
