"""`millrace replay`: another policy judged on the decisions that were logged, before anybody meets it."""

from __future__ import annotations

from contextlib import closing
from functools import cache
from pathlib import Path

from millrace.cli.as_json import in_json
from millrace.cli.opening import Desk, reading
from millrace.cli.printing import console, number, progress, table, typed_instant, when
from millrace.errors import BadInput
from millrace.evaluation.judging import Judging, PolicyValue
from millrace.loaded import Loaded
from millrace.loading import load, load_policy
from millrace.operate.replaying import Replayed, replay
from millrace.operate.replaying_value import Judgement, Replaying
from millrace.serve.facts import Installed
from millrace.serve.home import Home
from millrace.serve.release import Versions, installed
from millrace.types import EVER


def replay_policy(
    system: str,
    policy: str,
    folder: Path,
    since: str,
    until: str,
    most: int,
    estimator: str,
    how: Judging,
    release: str,
    page: Path | None = None,
    *,
    as_json: bool,
) -> None:
    """Print what another policy would have earned on the decisions that were logged.

    Args:
        system: The module that decided.
        policy: What another policy is bound to in it, or another module that answers the same request.
        folder: The system's home; its log is only read.
        since: Decisions asked from this instant on, such as 2026-03-01T12:00:00Z; "" is from the first.
        until: Decisions asked before this instant; "" is all.
        most: At most so many decisions, the latest.
        estimator: By which; one of `operate.replaying_estimators.ESTIMATORS`.
        how: The interval, and what is refused.
        release: Which release's versions it has; "" is those that served each decision.
        page: Where a page of it is written; None writes none.
        as_json: Print one JSON object.

    Raises:
        BadInput: The policy answers another request, an instant cannot be read, or the release learned from these decisions.
        NotFound: Nothing was logged in that time, or there is no such release.
        Refused: The log has no propensities.
    """
    other = _other(system, policy)
    with reading(system, folder) as desk, closing(Home(folder, other, read_only=True)) as home:
        begin = _instant("--since", since) if since else _unseen(desk, release) if release else EVER
        if release and begin < _unseen(desk, release):
            raise BadInput(
                f"{release} learned from what was known until {when(_unseen(desk, release))}: judge it on decisions since", "since"
            )
        end = _instant("--until", until) if until else desk.home.log.last_known + 1
        asked = Replaying(since=begin, until=end, most=most, estimator=estimator, how=how, closely=page is not None)
        found = _replayed(desk, other, home, asked, release)
    if as_json:
        print(in_json(found))
    else:
        _print(found, policy, estimator)
    if page is not None:
        from millrace.cli.replay_page import replay_page

        page.write_text(replay_page(system, policy, found, told(found, policy)), encoding="utf-8")
        if not as_json:
            console().print(f"written to {page}")


def _replayed(desk: Desk, other: Loaded, home: Home, asked: Replaying, release: str) -> Replayed:
    """Ask the other policy again, with what served each decision, or with a release; a bar shows how far it is."""
    versions = Versions(other, home.registry)

    @cache
    def has(of: str) -> Installed:
        wanted = release or of
        return installed(desk.home.releases.get(wanted) if wanted else None, versions)

    @cache
    def is_gone(of: str) -> bool:
        wanted = release or of
        needed = desk.home.releases.get(wanted).versions.items() if wanted else ()
        return any(model in other.models and desk.home.registry.get(one).stage == "deleted" for model, one in needed)

    with progress() as shown:
        task = shown.add_task("asking again", total=None, said="")

        def tell(done: int, total: int) -> None:
            shown.update(task, completed=done, total=total, said=f"{done:,} of {total:,}")

        return replay(desk.loaded, desk.history, other, home.log, asked, has, versions.load, tell, is_gone)


def _other(system: str, policy: str) -> Loaded:
    """Return the system with the other policy: a name is looked for in its own module, anything else is another module."""
    return load_policy(system, policy) if policy.isidentifier() else load(policy)


def _unseen(desk: Desk, release: str) -> int:
    """Return the instant from which on no version of a release has seen anything, microseconds."""
    versions = desk.home.releases.get(release).versions.values()
    return max((desk.home.registry.get(one).lineage.known_until for one in versions), default=EVER)


def _instant(option: str, said: str) -> int:
    try:
        return typed_instant(said)
    except ValueError:
        raise BadInput(f"{option} {said!r}: write an instant with its time zone, such as 2026-03-01T12:00:00Z") from None


def _print(found: Replayed, policy: str, estimator: str) -> None:
    out = console()
    title = f"{policy} on {number(found.decisions)} decisions of {when(found.since)} to {when(found.until)}, by {estimator}"
    rows = table(
        title, "outcome", "logged", policy, "interval", "gain", "interval of the gain", "worth", numbers=("logged", policy, "gain", "worth")
    )
    for one in found.judgements:
        if one.value is not None and one.logged is not None and one.gain is not None:
            worth = number(round(one.value.effective_sample_size))
            figures = (number(one.value.value), _interval(one.value), number(one.gain.value), _interval(one.gain), worth)
            rows.add_row(one.outcome, number(one.logged.value), *figures)
        else:
            rows.add_row(one.outcome, "–", "refused", "–", "–", "–", "–")
    out.print(rows)
    for line in told(found, policy):
        out.print(line)


def _interval(one: PolicyValue) -> str:
    return f"{number(one.low)} to {number(one.high)}"


def told(found: Replayed, policy: str) -> list[str]:
    """Return in plain words what a replay says, and what it does not."""
    lines = [line for one in found.judgements for line in _told(one, policy)]
    if found.rows > found.decisions:
        lines.append(
            "A choice is an item shown: this holds as far as what comes of an item does not depend on its place or its neighbours."
        )
    if found.missed:
        short = ", ".join(f"{name} ({times:,})" for name, times in found.missed.items())
        lines.append(f"It would have gone without {short}: what stands in for that is judged there.")
    if found.unanswered:
        lines.append(
            f"It could not have answered {found.unanswered:,} decisions, which are left out: none of its models had a version then."
        )
    if found.deleted:
        lines.append(
            f"{found.deleted:,} decisions are left out: the files of a version that served then are deleted, as are those of beliefs "
            "that were replaced long ago."
        )
    if found.unknown:
        lines.append(f"{found.unknown:,} decisions have no propensities and are left out.")
    if found.earlier:
        lines.append(f"{found.earlier:,} earlier decisions are left out: raise --most to judge them too.")
    return lines


def _told(one: Judgement, policy: str) -> list[str]:
    if one.value is None or one.gain is None:
        return [f"{one.outcome}: no figure. {one.refused.said if one.refused is not None else ''}"]
    if one.gain.low > 0:
        shown = f"{policy} earns more than what was done"
    elif one.gain.high < 0:
        shown = f"{policy} earns less than what was done"
    else:
        shown = f"it is not shown that {policy} differs from what was done"
    cautions = {caution.reason: caution.said for caution in (*one.gain.cautions, *one.value.cautions)}  # of both, the value's is told
    return [f"{one.outcome}: {shown} (gain {one.gain.value:.4g}, {one.gain.confidence:.0%}: {_interval(one.gain)}).", *cautions.values()]
