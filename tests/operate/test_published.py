"""What a version says is read as it was known: served, logged, proven, and never from a version that came later."""

from pathlib import Path

import numpy as np
import pytest

from millrace.errors import NotFound
from millrace.evaluation.metrics import metric
from millrace.features.learned import Learned
from millrace.log.decisions import DECISION
from millrace.operate.history import LogHistory
from millrace.operate.published import Published
from millrace.operate.verify import verify
from millrace.training.examples import gather
from millrace.training.logged import back_filled
from millrace.types import EVER, Array, Columns
from tests.operate.gallery import Ask, Life, Picture, near, opened, ranker, wanted


def lived(life: Life) -> dict[str, str]:
    """Live through no version, a first, a canary, a second, and the first again; return the versions of the retriever."""
    life.hours(4)
    ranking = life.publish("ranker")
    life.release({"ranker": ranking})
    life.hours(2)
    first = life.publish("nearby")
    life.release({"ranker": ranking, "nearby": first})
    life.hours(4)
    second = life.publish("nearby")
    life.release({"ranker": ranking, "nearby": second}, share=0.5)
    life.hours(3)
    life.release({"ranker": ranking, "nearby": second})
    life.hours(3)
    life.roll_back()
    life.hours(2)
    return {"first": first, "second": second}


class Leaking(Published):
    """What a trainer does that takes the newest version for rows of any time."""

    def __init__(self, life: Life) -> None:
        super().__init__(life.engine.loaded, life.engine.home.releases, life.engine.versions)
        self.newest = life.engine.load(life.engine.home.registry.versions("nearby")[-1].version)

    def says(self, one: Learned, rows: Columns, inputs: Columns) -> Array:
        return one.of(self.newest, inputs)


def test_what_was_served_is_said_by_the_version_of_then_and_comes_out_of_the_log_again(tmp_path: Path) -> None:
    with opened(tmp_path) as life:
        of = lived(life)
        engine, column = life.engine, near.column
        rows = life.history.decided(EVER, life.now[0])
        rows = {name: values[rows["policy"] == "ranked"] for name, values in rows.items()}
        served = rows[f"served {column}"]
        releases = {one.id: one.versions.get("nearby") for one in engine.home.releases.of("gallery")}
        version = np.array([releases[one] or "" for one in rows["release"].tolist()])
        assert set(version) == {"", of["first"], of["second"]}
        assert np.isnan(served[version == ""]).all()
        for name in of.values():
            here = version == name
            asked = {"query": rows["person"][here], "candidate": rows["candidate"][here]}
            np.testing.assert_array_equal(served[here], engine.load(name).score(asked)[wanted.column])
        canary = rows["arm"] == "canary"
        assert set(version[canary]) == {of["second"]}
        assert set(version[rows["arm"] == "champion"]) == {of["first"]}
        np.testing.assert_array_equal(back_filled(engine.loaded.plan, [near], rows, life.history).values[column], served)
        proof = verify(engine.loaded, life.history, EVER, life.now[0])
        assert proof.mismatches == ()
        assert proof.values == 2 * len(served) + 4 * 4 * 20  # the plain policy, four hours long, reads one feature


def test_the_proof_sees_a_version_that_was_not_there_yet(tmp_path: Path) -> None:
    with opened(tmp_path) as life:
        lived(life)
        loaded, home = life.engine.loaded, life.engine.home
        leaking = LogHistory(home.log, loaded, published=Leaking(life))
        found = verify(loaded, leaking, EVER, life.now[0]).mismatches
        assert {one.column for one in found} == {near.column}
        assert len(found) > 500


def test_a_later_version_would_make_the_metric_too_good_and_the_one_as_known_does_not(tmp_path: Path) -> None:
    """Takes are a whim: whoever can tell them was told. Nothing was logged of the feature here, so all of it is back-filled."""
    with opened(tmp_path) as life:
        lived(life)
        life.publish("nearby")
        loaded, home = life.engine.loaded, life.engine.home

        class Unlogged(LogHistory):
            def decided(self, since: int, until: int) -> Columns:
                return {name: column for name, column in super().decided(since, until).items() if not name.endswith(near.column)}

        def auc(published: Published) -> float:
            found = gather(ranker, Ask, Picture, Unlogged(home.log, loaded, published=published), EVER, life.now[0])
            assert not found.logged[near.column].any()
            score, label = found.features[near.column], found.labels(life.now[0])[wanted.column]
            there = ~np.isnan(score) & ~np.isnan(label)
            assert there.sum() > 500
            return metric("auc").of({"score": score[there], "label": label[there]})

        known, leaked = auc(life.published), auc(Leaking(life))
        assert 0.4 < known < 0.6
        assert leaked > 0.7


def test_rows_that_no_decision_was_made_on_read_the_champion_of_their_moment(tmp_path: Path) -> None:
    with opened(tmp_path) as life:
        of = lived(life)
        rows = life.history.decided(EVER, life.now[0])
        standings = life.engine.home.releases.history("gallery")
        changed = [one.at for one in standings]
        plain = {name: rows[name] for name in ("at", "person", "candidate")} | {"id": rows["id"]}
        last = changed[-1]
        for watermark, version in ((changed[0] - 1, None), (changed[0], None), (changed[1], of["first"]), (last, of["first"])):
            moments = {**plain, "watermark": np.full(len(rows["id"]), watermark)}
            found = life.history.features(life.engine.loaded.plan, [near], moments)[near.column]
            asked = {"query": rows["person"], "candidate": rows["candidate"]}
            expected = np.nan if version is None else life.engine.load(version).score(asked)[wanted.column]
            np.testing.assert_array_equal(found, np.broadcast_to(expected, found.shape))
        before = {**plain, "watermark": np.full(len(rows["id"]), last - 1)}
        assert (life.history.features(life.engine.loaded.plan, [near], before)[near.column] != found).any()


def test_a_restart_serves_what_was_installed_and_proves_it(tmp_path: Path) -> None:
    with opened(tmp_path / "a") as life:
        lived(life)
        now = life.now[0]
    with opened(tmp_path / "a") as life:
        life.now[0] = now
        [decision] = life.hours(1)[:1]
        assert None not in decision.features[near.column]
        assert verify(life.engine.loaded, life.history, EVER, life.now[0]).mismatches == ()
        assert life.engine.home.log.counts()[DECISION] > 0


def test_a_history_that_was_not_told_which_version_served_says_so(tmp_path: Path) -> None:
    with opened(tmp_path) as life:
        life.hours(1)
        history = LogHistory(life.engine.home.log, life.engine.loaded)
        with pytest.raises(NotFound, match="this history was not told which served when: give it `published`"):
            back_filled(life.engine.loaded.plan, [near], history.decided(EVER, life.now[0]), history)


def test_what_is_read_is_trained_before_what_reads_it(tmp_path: Path) -> None:
    with opened(tmp_path) as life:
        assert list(life.engine.loaded.models) == ["nearby", "ranker"]


def test_on_disk_the_versions_say_the_same_as_in_memory(tmp_path: Path) -> None:
    with opened(tmp_path) as life:
        lived(life)
        loaded = life.engine.loaded
        on_disk = LogHistory(life.engine.home.log, loaded, at_once=0, published=life.published)
        rows = life.history.decided(EVER, life.now[0])
        here, there = (one.features(loaded.plan, ranker.features, rows) for one in (life.history, on_disk))
        assert list(here) == list(there)
        for column, values in here.items():
            np.testing.assert_array_equal(there[column], values)
