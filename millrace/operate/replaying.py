"""Another policy judged on the log: what it would have done at the decisions that were made, and what came of what both would do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import numpy as np

from millrace.errors import BadInput, NotFound
from millrace.evaluation.reasons import Reason, Refused
from millrace.loaded import Loaded
from millrace.log.log import Log
from millrace.models.declare import Outcome
from millrace.operate.history import LogHistory
from millrace.operate.replaying_estimators import ESTIMATORS
from millrace.operate.replaying_support import never_tried
from millrace.operate.replaying_targets import Chances, targets
from millrace.operate.replaying_value import Judgement, Replaying, judge
from millrace.schema import field_names
from millrace.serve.facts import Installed
from millrace.types import Array, Columns, size, take


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a replay.

    Attributes:
        policy: The policy judged.
        since: When the first decision it was asked about was made, microseconds since 1970 UTC.
        until: And the last.
        decisions: How many it was asked about.
        unknown: How many decisions besides have no propensities, and were left out.
        earlier: How many besides are older than the most that were asked for, and were left out.
        unanswered: How many it could not have answered; they are left out.
        deleted: How many besides were made while a version served whose files are deleted; they are left out.
        missed: What it would have gone without, and in how many of its answers.
        rows: How many candidates were taken in those decisions: the choices that are judged.
        judgements: One per outcome.
    """

    policy: str
    since: int
    until: int
    decisions: int
    unknown: int
    earlier: int
    unanswered: int
    deleted: int = 0
    missed: dict[str, int]
    rows: int
    judgements: list[Judgement]


@dataclass(frozen=True)
class _Again:
    """What the other policy would have done: its chances by decision, how many it could not answer, and what it went without."""

    chances: dict[str, Chances]
    unanswered: int
    missed: dict[str, int]


def replay(
    loaded: Loaded,
    history: LogHistory,
    other: Loaded,
    log: Log,
    asked: Replaying,
    installed: Callable[[str], Installed],
    load: Callable[[str], object],
    progress: Callable[[int, int], object] = lambda _done, _all: None,
    is_gone: Callable[[str], bool] = lambda _release: False,
) -> Replayed:
    """Judge another policy on what a system has logged.

    Args:
        loaded: The system that decided.
        history: Its log, as training reads it.
        other: The system with the other policy, over the same request.
        log: The same log, opened for the streams of that system.
        asked: Which decisions, and how they are judged.
        installed: By the release of a decision, what the other policy has installed.
        load: Loads a version.
        progress: Told how many decisions of how many are done.
        is_gone: By the release of a decision, whether the files of a version that the other policy needs are deleted.

    Raises:
        BadInput: The other system answers another request, or the estimator is unknown or not for such decisions.
        NotFound: No decision was logged in that time.
        Refused: No decision has propensities, or none could be answered.
    """
    _same_question(loaded, other)
    if asked.estimator not in ESTIMATORS:
        raise BadInput(f"there is no estimator {asked.estimator!r}: use {', '.join(ESTIMATORS)}", field="estimator")
    made = history.decided(asked.since, asked.until)
    judged, unknown, earlier = _judged(made, asked.most)
    rows = take(made, judged)
    requests = _requests(other, log, rows)
    gone = np.array([is_gone(one) for one in requests["release"].tolist()], dtype=bool)
    again = _asked_again(other, log, take(requests, ~gone), installed, load, progress)
    kept = np.flatnonzero(judged)[[one in again.chances for one in rows["id"].tolist()]]
    if not len(kept):
        raise _none_answered(other, size(requests), int(gone.sum()))
    never = never_tried(log, loaded.name, again.chances) if loaded.system.candidate is not None else {}
    return Replayed(
        policy=other.name_of(other.system.policy),
        since=int(made["at"][kept].min()),
        until=int(made["at"][kept].max()),
        decisions=len(again.chances),
        unknown=unknown,
        earlier=earlier,
        unanswered=again.unanswered,
        deleted=int(gone.sum()),
        missed=again.missed,
        rows=len(kept),
        judgements=[judge(loaded, history, one, made, kept, again.chances, asked, never) for one in loaded.of(Outcome)],
    )


def _asked_again(
    other: Loaded,
    log: Log,
    requests: Columns,
    installed: Callable[[str], Installed],
    load: Callable[[str], object],
    progress: Callable[[int, int], object],
) -> _Again:
    """Return what a policy would have done at each of some requests, with the facts as they were known."""
    chances: dict[str, Chances] = {}
    unanswered, missed = 0, Counter[str]()
    for place, found, without in targets(other, log, requests, installed, load, lambda done: progress(done, size(requests))):
        missed.update(without)
        if found is None:
            unanswered += 1
        else:
            chances[str(requests["id"][place])] = found
    return _Again(chances, unanswered, dict(missed))


def _none_answered(other: Loaded, asked: int, gone: int) -> Refused:
    """Return why nothing can be judged."""
    why = f"the files of what served at {gone:,} of them are deleted" if gone else "its models had no version then"
    said = f"{other.name_of(other.system.policy)} could have answered none of {asked:,} decisions: {why}"
    return Refused(Reason.NO_SUPPORT, f"{said}; judge it on later decisions, or by a release with --release", field="policy")


def _same_question(loaded: Loaded, other: Loaded) -> None:
    asks, does = ((one.system.request.__name__, getattr(one.system.candidate, "__name__", "the request itself")) for one in (loaded, other))
    if asks != does:
        raise BadInput(f"{other.name} answers {does[0]} with {does[1]}, and {loaded.name} answers {asks[0]} with {asks[1]}", field="policy")


def _judged(rows: Columns, most: int) -> tuple[Array, int, int]:
    """Return which rows are of the latest decisions whose propensities are known; how many decisions are not known, and how many earlier.

    Rows come by (at, id, rank), so those of a decision are together.
    """
    if not size(rows):
        raise NotFound("no decision was logged in that time: serve first, or choose another --since and --until")
    begins = np.flatnonzero(np.r_[True, rows["id"][1:] != rows["id"][:-1]])
    number = np.repeat(np.arange(len(begins)), np.diff(np.r_[begins, size(rows)]))
    known = np.bincount(number, weights=~(rows["propensity"] > 0)) == 0
    if not known.any():
        raise Refused(
            Reason.NO_SUPPORT,
            f"none of {len(begins):,} decisions has propensities: they were imported without, or made by what does not state its chances, "
            "so nobody can say what was left out; serve with exploration first, such as Top(..., explore=0.02) or Act(..., audit=0.02)",
            field="propensity",
        )
    latest = np.flatnonzero(known)[-most:]
    wanted = np.zeros(len(begins), dtype=bool)
    wanted[latest] = True
    return wanted[number], int((~known).sum()), int(known.sum()) - len(latest)


def _requests(other: Loaded, log: Log, rows: Columns) -> Columns:
    """Return the requests of decisions with the watermark and release of each."""
    first = np.flatnonzero(np.r_[True, rows["id"][1:] != rows["id"][:-1]])
    fields = field_names(other.system.request)
    asked = log.read(other.system.request, fields)
    place = dict(zip(asked["id"].tolist(), range(size(asked)), strict=True))
    index = np.array([place[one] for one in rows["id"][first].tolist()], dtype=np.int64)
    return {**take({name: asked[name] for name in fields}, index), "watermark": rows["watermark"][first], "release": rows["release"][first]}
