"""The engine: what is acknowledged is seen, what was decided stands, and what was served can be computed again from the log."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from millrace import Fallback, System
from millrace.decision import Decision
from millrace.errors import BadInput, Conflict, Unavailable
from millrace.features.online import OnlineView
from millrace.loaded import Loaded
from millrace.log.streams import codec_of
from millrace.operate.history import LogHistory
from millrace.operate.verify import verify
from millrace.serve.clock import Clock
from millrace.serve.engine import Engine
from millrace.serve.facts import Installed, LiveFacts
from millrace.serve.records import records
from millrace.testing.slow import SlowView
from millrace.types import EVER, SECOND, Array, Columns, moment, objects, take
from tests.serve.running import ITEMS, PATIENCE, PEOPLE, ask, install, lived, loaded, running, stock, use, use_named


def column(engine: Engine, beginning: str) -> str:
    """Return the column of the ranker's feature that begins so."""
    return next(one.column for one in engine.loaded.models["ranker"].features if one.column.startswith(beginning))


# ---- parity


@pytest.mark.parametrize("is_patient", [True, False])
def test_what_threads_were_served_all_at_once_comes_out_of_the_log_again(is_patient: bool, tmp_path: Path) -> None:
    with running(tmp_path, patient=is_patient) as engine:
        decided = lived(engine)
        assert not engine.failures
        assert {one.policy for one in decided} == {"ranked"}
        history = LogHistory(engine.home.log, engine.loaded)
        proof = verify(engine.loaded, history, EVER, engine.clock.now())
        assert proof.mismatches == ()
        assert proof.values > 5_000
        rows = history.decided(EVER, engine.clock.now())
        moving = {
            name: len(set(rows[f"served {name}"].tolist())) for name in (one.column for one in engine.loaded.models["ranker"].features)
        }
        assert min(moving.values()) > 1, moving
        assert [one for one in decided if engine.home.log.decision(one.id) != one] == []


def test_the_proof_of_parity_sees_an_engine_that_claims_to_have_known_later_or_less(tmp_path: Path) -> None:
    """Decisions that state the watermark of another moment are what a race would leave behind."""

    class Boastful(LogHistory):
        shift = 0

        def decided(self, since: int, until: int) -> Columns:
            rows = super().decided(since, until)
            return {**rows, "watermark": rows["watermark"] + self.shift}

    with running(tmp_path) as engine:
        lived(engine, threads=2, turns=20, asking=20)
        for shift in (-SECOND // 100, SECOND // 100):
            history = Boastful(engine.home.log, engine.loaded)
            history.shift = shift
            assert verify(engine.loaded, history, EVER, engine.clock.now()).mismatches


def test_decisions_can_be_made_again_from_the_log_alone(tmp_path: Path) -> None:
    """Candidates, places, scores and propensities: from the events, the recorded watermark, misses and release, without the view."""
    with running(tmp_path) as engine:
        decided = lived(engine, threads=2, turns=20, asking=15)
        log, system = engine.home.log, engine.loaded
        slow = SlowView(system.plan, {stream.__name__: log.read(stream) for stream in system.plan.streams})
        release = engine.home.releases.get(decided[0].release)
        asked = log.read(system.system.request)
        for one in decided:
            slow.advance(one.watermark)
            known = LiveFacts(
                slow, one.watermark, system.names, Installed(release.id, release.versions), engine.load, replayed=frozenset(one.missed)
            )
            again = system.system.policy.decide(take(asked, asked["id"] == one.id), known)
            (made,) = records(again, system=one.system, release=release.id, watermark=one.watermark, missed=known.missed, kept={})
            assert (made.candidate, made.taken, made.source, made.missed) == (one.candidate, one.taken, one.source, one.missed)
            for name in ("score", "propensity"):
                np.testing.assert_allclose(getattr(made, name), getattr(one, name), rtol=1e-9)


# ---- visibility


def test_every_thread_reads_what_it_was_told_is_written(tmp_path: Path) -> None:
    """Each thread has a person to itself: the last use it was acknowledged is the last use its next decision knows."""
    with running(tmp_path, patient=False) as engine:
        engine.ingest(stock(engine))
        install(engine)
        before = column(engine, "last(Use.seconds)")

        def work(person: str) -> int:
            seen = 0
            for turn in range(40):
                event = engine.loaded.streams["Use"](
                    at=moment(engine.clock.now()), person=person, item=ITEMS[turn % 9], seconds=float(turn)
                )
                known = int(engine.ingest([event]).known[0])
                (one,) = engine.decide([ask(engine, f"{person}-{turn}", person)])
                assert one.watermark > known
                assert set(one.features.get(before, [])) <= {float(turn)}
                seen += one.taken
            return seen

        with ThreadPoolExecutor(len(PEOPLE)) as threads:
            assert min(threads.map(work, PEOPLE, timeout=PATIENCE)) > 40


def test_decision_while_a_commit_is_being_acknowledged_waits_for_it(tmp_path: Path) -> None:
    """Between the application of a commit and the clock's hearing of it no watermark would be right."""

    class Slow(Clock):
        def finish(self, last: int = 0) -> None:
            applied.set()
            answered.wait(0.1)  # longer than a decision takes that does not wait
            super().finish(last)

    with running(tmp_path) as engine:
        engine.ingest(stock(engine))
        applied, answered = threading.Event(), threading.Event()
        engine.clock.__class__ = Slow
        requests = codec_of(engine.loaded.system.request).columns([ask(engine, "now")])
        with ThreadPoolExecutor(1) as telling:
            told = telling.submit(engine.ingest, [use_named(engine, "u1")])
            assert applied.wait(PATIENCE)
            (one,) = engine.answer(requests)
            answered.set()
            assert one.watermark > int(told.result(PATIENCE).known[0])


def test_decision_is_seen_by_the_next_one(tmp_path: Path) -> None:
    with running(tmp_path) as engine:
        engine.ingest(stock(engine))
        install(engine)
        (first,) = engine.decide([ask(engine, "first")])
        (second,) = engine.decide([ask(engine, "second")])
        assert set(first.candidate[: first.taken]) & set(second.candidate) == set(), "shown a moment ago"
        firsts = column(engine, "count(Shown[Ask, Item]) if")
        assert (first.features[firsts], second.features[firsts]) == ([0] * first.taken, [1] * second.taken)


def test_request_never_counts_itself(tmp_path: Path) -> None:
    with running(tmp_path) as engine:
        engine.ingest(stock(engine))
        install(engine)
        asked = column(engine, "count(Ask)")
        both = engine.decide([ask(engine, "one"), ask(engine, "two")])
        assert [set(one.features[asked]) for one in both] == [{0}, {0}], "nor what is decided with it"


# ---- deciding twice


def test_request_decided_twice_gets_the_decision_it_got(tmp_path: Path) -> None:
    with running(tmp_path) as engine:
        engine.ingest(stock(engine))
        first, again = ask(engine, "again"), ask(engine, "again")
        (one,) = engine.decide([first])
        assert engine.decide([again]) == [one], "a retry may come later"
        assert engine.decide([again, ask(engine, "new"), again])[::2] == [one, one]
        assert engine.decide([again, again]) == [one, one]
        assert engine.decide([]) == []


def test_another_request_under_an_id_that_was_decided_is_a_conflict(tmp_path: Path) -> None:
    with running(tmp_path) as engine:
        engine.ingest(stock(engine))
        engine.decide([ask(engine, "again")])
        with pytest.raises(Conflict, match="Ask again was decided before with another limit"):
            engine.decide([ask(engine, "new"), ask(engine, "again", limit=1)])
        assert engine.home.log.decision("new") is None, "nothing of the batch is decided"


@pytest.mark.parametrize("limit", [0, -3])
def test_request_to_take_nothing_is_refused_and_what_was_logged_of_one_stands(limit: int, tmp_path: Path) -> None:
    """Versions before this rule took nothing, and logged it: such a decision is given again, proven and made again as it was."""
    with running(tmp_path) as engine:
        engine.ingest(stock(engine))
        install(engine)
        none = ask(engine, "none", limit=limit)
        with pytest.raises(BadInput, match=f"request 1: Ask: `limit` says how many to take: write 1 or more, not {limit}") as refused:
            engine.decide([ask(engine, "some"), none])
        assert refused.value.field == "limit"
        assert engine.home.log.decision("some") is None, "nothing of the batch is decided"
        requests = codec_of(type(none)).columns([none])
        (old,) = engine.answer(requests)
        engine.ingest([none, old])
        assert (old.taken, len(old.candidate) > 0) == (0, True)
        assert engine.decide([none, ask(engine, "some")])[0] == old
        assert verify(engine.loaded, LogHistory(engine.home.log, engine.loaded), EVER, engine.clock.now()).mismatches == ()
        slow = SlowView(engine.loaded.plan, {one.__name__: engine.home.log.read(one) for one in engine.loaded.plan.streams})
        slow.advance(old.watermark)
        known = LiveFacts(slow, old.watermark, engine.loaded.names, engine.installed, engine.load)
        again = engine.loaded.system.policy.decide(requests, known)
        assert (sorted(again.rows["candidate"].tolist()), again.taken.any()) == (sorted(old.candidate), False)


def test_threads_that_ask_the_same_in_batches_that_overlap_get_the_same_decisions(tmp_path: Path) -> None:
    with running(tmp_path, patient=False) as engine:
        engine.ingest(stock(engine))
        install(engine)
        requests = [ask(engine, f"r{n}", PEOPLE[n % 4]) for n in range(12)]
        meet = threading.Barrier(6)

        def work(number: int) -> dict[str, Decision]:
            g = np.random.default_rng(number)
            found = {}
            meet.wait(PATIENCE)
            for size in (2, 3, 5, 12):
                some = [requests[n] for n in g.permutation(12)[:size]]
                found |= {one.id: one for one in engine.decide(some)}
            return found

        with ThreadPoolExecutor(6) as threads:
            answers = list(threads.map(work, range(6), timeout=PATIENCE))
        assert all(one == answers[0] for one in answers)
        assert len(list(engine.home.log.decisions())) == 12


# ---- releases


def test_release_is_swapped_between_decisions_never_within_one(tmp_path: Path) -> None:
    """Every record is scored by the versions of the release it names, while releases come and go."""
    with running(tmp_path, patient=False) as engine:
        engine.ingest([*stock(engine), *(use(engine, np.random.default_rng(n), f"u{n}") for n in range(40))])
        releases = {install(engine, seed) for seed in range(2)}
        is_over = threading.Event()

        def swap() -> None:
            for seed in range(2, 200):
                if is_over.is_set():
                    return
                releases.add(install(engine, seed))

        with ThreadPoolExecutor(4) as threads:
            swapping = threads.submit(swap)
            asking = [
                threads.submit(lambda n=n: [engine.decide([ask(engine, f"{n}-{turn}", PEOPLE[n])])[0] for turn in range(40)])
                for n in range(3)
            ]
            decided = [one for done in asking for one in done.result(PATIENCE)]
            is_over.set()
            swapping.result(PATIENCE)
        assert {one.release for one in decided} <= releases
        assert len({one.release for one in decided}) > 2
        for one in decided:
            head = engine.loaded.models["ranker"].heads[0]
            rows = {name: _column(values) for name, values in one.features.items() if name != head}
            version = engine.load(engine.home.releases.get(one.release).versions["ranker"])
            if one.taken:
                np.testing.assert_allclose(version.score(rows)[head], one.features[head], rtol=1e-12)


def _column(values: list[Any]) -> Array:
    if any(isinstance(value, str) for value in values):
        return objects(values)
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


# ---- what hangs


def test_leaf_that_hangs_costs_its_deadline_and_nothing_else(tmp_path: Path) -> None:
    """The fallback answers; when the leaf wakes up, the view has moved on, and nobody listens."""
    awake = threading.Event()

    class Sleepy(OnlineView):
        def lookup(self, features: Any, d: Any, watermark: int) -> Any:
            if threading.current_thread().name.startswith("attempt") and "hung" in d.requests["id"]:
                awake.wait(PATIENCE)
            return super().lookup(features, d, watermark)

    with running(tmp_path, patient=False, of=hurried()) as engine:
        engine.ingest(stock(engine))
        install(engine)
        engine.view.__class__ = Sleepy
        (one,) = engine.decide([ask(engine, "hung")])
        assert (one.policy, one.missed) == ("plain", ["ranked"])
        assert one.taken == 3
        engine.ingest([use_named(engine, f"u{n}") for n in range(9)])
        awake.set()
        decided = [engine.decide([ask(engine, f"then{n}", PEOPLE[n % 4])])[0] for n in range(20)]
        assert {one.policy for one in decided} <= {"ranked", "plain"}
        assert not engine.failures
        assert verify(engine.loaded, LogHistory(engine.home.log, engine.loaded), EVER, engine.clock.now()).mismatches == ()


def hurried() -> Loaded:
    """Return the busy system with little patience for its ranking."""
    base = loaded()
    policy: Any = Fallback(base.system.policy.policy, to=base.system.policy.to, after="50ms")
    system = System(base.system.request, candidate=base.system.candidate, policy=policy)
    return Loaded(base.path, base.name, system, {**base.names, id(system): base.name, id(policy): "busy.Fallback"}, {}, ())


# ---- the edges


def test_empty_log_and_unknown_people_get_an_answer(tmp_path: Path) -> None:
    with running(tmp_path) as engine:
        (one,) = engine.decide([ask(engine, "nothing there yet")])
        assert (one.policy, one.candidate, one.missed) == ("plain", [], ["ranked"])
        install(engine)
        (two,) = engine.decide([ask(engine, "still nothing")])
        assert (two.policy, two.candidate, two.missed) == ("ranked", [], [])
        engine.ingest(stock(engine)[len(PEOPLE) :])
        (three,) = engine.decide([ask(engine, "somebody new", "a stranger")])
        assert three.taken == 3
        assert set(three.features["Person.city"]) == {None}
        assert verify(engine.loaded, LogHistory(engine.home.log, engine.loaded), EVER, engine.clock.now()).mismatches == ()


def test_view_that_cannot_follow_the_log_answers_no_more_until_it_is_started_again(tmp_path: Path) -> None:
    class Brittle(OnlineView):
        def apply(self, batch: Any) -> None:
            if "Use" in batch:
                raise MemoryError("no room")
            super().apply(batch)

    with running(tmp_path) as engine:
        engine.view = Brittle(engine.loaded.plan)
        engine.ingest(stock(engine))
        with pytest.raises(Unavailable, match="busy could not follow its log, which is whole: start it again"):
            engine.ingest([use_named(engine, "u1")])
        with pytest.raises(Unavailable, match="busy could not follow its log, which is whole: start it again"):
            engine.decide([ask(engine, "now")])
        with pytest.raises(Unavailable, match="start it again"):
            engine.ingest([use_named(engine, "u2")])
    with running(tmp_path) as engine:
        used = engine.loaded.plan.reads["count(Use) per (Item) over ever"].aggregate
        assert engine.view.top(used, 10, engine.clock.watermark())[1].tolist() == [1, 1]


@pytest.mark.parametrize("is_refused", [True, False])
def test_commit_that_added_nothing_does_not_hold_time_back(is_refused: bool, tmp_path: Path) -> None:
    with running(tmp_path) as engine:
        engine.ingest(stock(engine))
        engine.ingest([use_named(engine, "u1")])
        if is_refused:
            with pytest.raises(Conflict):
                engine.ingest([msgspec.structs.replace(use_named(engine, "u1"), item="i7")])
        else:
            assert engine.ingest([use_named(engine, "u1")]).duplicates.all()
        before = engine.clock.now()
        assert engine.clock.watermark() > before
