"""What is registered of a trained version, and where it comes from.

Public: `Lineage`, `VersionRecord`, `DEPRECATED`, `SUNSET`.
"""

from __future__ import annotations

from typing import Any

import msgspec

DEPRECATED, SUNSET = "deprecated", "sunset"
"""The notes of a version whose end was announced: when that was, and until when it is promised; microseconds since 1970 UTC."""


class Lineage(msgspec.Struct, frozen=True, kw_only=True):
    """Where a version comes from: with the same log, declaration, code and seed it can be made again, byte for byte.

    Attributes:
        log_position: How far the log had been read.
        known_from: The examples' decisions were known at or after this instant, microseconds since 1970 UTC.
        known_until: And before this one.
        declaration: The hash of the model as declared.
        code: The version of the package, or the commit, that trained it.
        seed: What its randomness was derived from.
        rows: How many examples it was fitted on.
        labels: How many of them had each label, such as `{"finished": 1200, "liked": 90}`.
        logged: By feature, how many of the rows read had the value that was served when they were decided; the others were back-filled.
        back_filled: By feature, how many were.
        parents: The versions it was made from: a champion it continues, a retriever whose candidates it ranks.
        created: When it was made, microseconds since 1970 UTC.
    """

    log_position: int
    known_from: int
    known_until: int
    declaration: str
    code: str
    seed: int
    rows: int
    labels: dict[str, int]
    logged: dict[str, int] = {}
    back_filled: dict[str, int] = {}
    parents: tuple[str, ...] = ()
    created: int


class VersionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A version as registered. Its stage and notes may change, nothing else does.

    Attributes:
        version: Its id, such as `ranker-0007-1f3a9c02`: the model, the how-manieth, the first digits of its content.
        model: The model it is a version of.
        number: The how-manieth version of that model, from 1.
        content: The SHA-256 of its manifest, which holds that of every file.
        stage: `candidate`, `champion`, `rejected`, `retired`, or `deleted`: then its files are gone and only this is left.
        lineage: Where it comes from.
        metrics: What was measured when it was made; None where a measure had no value.
        settings: The learner's settings.
        notes: The model card: free-form fields for people.
    """

    version: str
    model: str
    number: int
    content: str
    stage: str
    lineage: Lineage
    metrics: dict[str, Any]
    settings: dict[str, Any]
    notes: dict[str, Any]
