"""A whole folder forgets: log, view, snapshots, models, database; killed at any line it can be done again; and what is left is proven."""

import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest

from millrace.decision import FORGOTTEN, Decisions
from millrace.errors import BadInput, Unavailable
from millrace.features.online import OnlineView
from millrace.log import forget as log_forget
from millrace.log.traces import Who
from millrace.operate.history import LogHistory
from millrace.operate.simulation import SimulatedTime
from millrace.operate.verify import verify
from millrace.serve.explain import explain
from millrace.serve.forgetting import forget, whom
from millrace.serve.home import Home
from millrace.types import EVER, MINUTE, moment, objects
from tests.killing import killers
from tests.serve.remembering import GONE, MEMBERS, NOW, TRACES, WHO, contents, fill, forgetting_in, holding, loaded, running
from tests.serve.tiny import served


@pytest.fixture(scope="module")
def memory():
    """A folder in memory where there is one: a kill leaves what was written to the system, so a disk would add waiting and nothing else."""
    place = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=place if place.is_dir() else None) as made:
        yield Path(made)


@pytest.fixture(scope="module")
def club(memory):
    """A club that has lived for a while; nobody writes to this one."""
    fill(memory / "club")
    return memory / "club"


@pytest.fixture
def folder(club, memory):
    """A copy of it to forget in."""
    with tempfile.TemporaryDirectory(dir=memory) as made:
        yield shutil.copytree(club, Path(made) / "club")


def opened(folder, read_only=True):
    return Home(folder, loaded(), read_only=read_only)


def read(folder):
    """Return all records of a folder's log."""
    home = opened(folder)
    try:
        return contents(home)
    finally:
        home.close()


def features(view, loaded, watermark):
    """Return every feature of everybody, as one of them sees it."""
    requests = {"id": objects(["q"]), "at": np.array([watermark]), "member": objects([MEMBERS[0]])}
    rows = {"request": np.zeros(len(MEMBERS), dtype=np.int64), "candidate": objects(MEMBERS)}
    return view.lookup(list(loaded.plan.features.values()), Decisions(requests, rows), watermark)


def test_no_file_of_the_folder_holds_a_byte_of_the_person(folder):
    assert {text for _, text in holding(folder, *TRACES)} == {GONE, f"town-of-{GONE}"}, "what is private was sealed all along"
    assert len({name for name, _ in holding(folder, GONE)}) > 8
    tombstone = forgetting_in(folder)
    assert holding(folder, *TRACES) == []
    assert tombstone.removed == {"Browse": 4, "Member": 1, "Report": 7, "Wave": 7, "decision": 4}


def test_others_keep_every_record_as_it_was(folder):
    before = read(folder)
    forgetting_in(folder)
    asked = {row["id"] for row in before["Browse"] if row["member"] == GONE}
    expected = {
        "Member": [row for row in before["Member"] if row["id"] != GONE],
        "Wave": [row for row in before["Wave"] if GONE not in (row["by"], row["to"])],
        "Browse": [row for row in before["Browse"] if row["id"] not in asked],
        "Report": [row for row in before["Report"] if row["about"] not in asked and row["whom"] != GONE],
    }
    after = read(folder)
    decisions = after.pop("decision")
    assert after == expected
    others = [row["decision"] for row in before["decision"] if row["id"] not in asked]
    for now, then in zip((row["decision"] for row in decisions), others, strict=True):
        assert now.candidate == [FORGOTTEN if one == GONE else one for one in then.candidate]
        assert (now.id, now.watermark, now.score, now.propensity) == (then.id, then.watermark, then.score, then.propensity)


def test_forgetting_again_finds_nothing_and_adds_no_tombstone(folder):
    first = forgetting_in(folder)
    assert forgetting_in(folder) is None
    home = opened(folder)
    assert home.tombstones.all() == [first]
    assert home.tombstones.check(home.log.store.keyring.master(make=False)) == []
    home.close()


def test_an_engine_that_forgot_while_it_ran_sees_what_one_rebuilt_from_the_log_sees(folder):
    time = SimulatedTime(NOW + 60 * MINUTE)
    with running(folder, time) as engine:
        engine.forget(WHO)
        streams = engine.loaded.streams
        [made] = engine.decide([streams["Browse"](id="afterwards", at=moment(time.now), member=MEMBERS[0])])
        assert GONE not in made.candidate
        engine.ingest([streams["Wave"](id="wave-after", at=moment(time.now), by=MEMBERS[0], to=MEMBERS[1])])
        engine.snapshot()
        alive = features(engine.view, engine.loaded, NOW + 61 * MINUTE)
        rebuilt = OnlineView(engine.loaded.plan)
        for batch in engine.home.log.replay(streams=engine.loaded.plan.streams):
            rebuilt.apply(batch)
        assert_equal(features(rebuilt, engine.loaded, NOW + 61 * MINUTE), alive)
    with running(folder, SimulatedTime(NOW + 61 * MINUTE)) as engine:
        assert_equal(features(engine.view, engine.loaded, NOW + 61 * MINUTE), alive)
    assert holding(folder, *TRACES) == []


def assert_equal(found, expected):
    assert found.keys() == expected.keys()
    for column, values in expected.items():
        np.testing.assert_array_equal(found[column], values, err_msg=column)


def test_what_arrives_while_an_engine_forgets_is_refused_for_a_moment(folder, monkeypatch):
    with running(folder, SimulatedTime(NOW + 60 * MINUTE)) as engine:
        said = []

        def interrupted(said_, done, parts):
            if not said:
                said.append(said_)
                with pytest.raises(Unavailable, match="the writer of the log is closed"):
                    engine.ingest([engine.loaded.streams["Member"](id="new", town="")])

        engine.forget(WHO, interrupted)
        assert said
        engine.ingest([engine.loaded.streams["Member"](id="new", town="")])


def test_history_read_before_is_let_go(folder):
    with running(folder, SimulatedTime(NOW + 60 * MINUTE)) as engine:
        history = LogHistory(engine.home.log, engine.loaded)
        wave = engine.loaded.streams["Wave"]
        assert GONE in history.events(wave, -EVER)["by"]
        assert GONE in history.decided(EVER, -EVER)["candidate"]
        engine.forget(WHO)
        assert GONE not in history.events(wave, -EVER)["by"]
        rows = history.decided(EVER, -EVER)
        assert not {GONE, FORGOTTEN} & set(rows["candidate"].tolist())


def test_verify_counts_apart_what_can_no_longer_be_proven(folder):
    forgetting_in(folder)
    home = opened(folder)
    history = LogHistory(home.log, home_loaded := loaded())
    blind = verify(home_loaded, history, EVER, -EVER)
    proof = verify(home_loaded, history, EVER, -EVER, gaps=home.tombstones.gaps())
    assert len(blind.mismatches) > 0
    assert proof.mismatches == ()
    assert proof.forgotten == len(blind.mismatches)
    early = dict.fromkeys(home.tombstones.gaps(), NOW + 90 * MINUTE)
    assert len(verify(home_loaded, history, EVER, -EVER, gaps=early).mismatches) == len(blind.mismatches), (
        "before the gap nothing is excused"
    )
    home.close()


def test_an_explanation_says_nothing_private(folder):
    with running(folder, SimulatedTime(NOW + 60 * MINUTE)) as engine:
        told = explain(engine.loaded, engine.home.log, engine.home.releases, engine.versions, "browse-1-0")
        assert told.request["wish"] == "(private)"
        assert "wish-of" not in repr(told)


def test_no_answer_over_http_says_what_is_private(tmp_path):
    with served("tests.serve.intimate", tmp_path) as (client, engine):
        asked = {"id": "b1", "member": "ann", "wish": "a secret wish"}
        assert client.post("/v1/decide", json=asked).status_code == 200
        found = client.get("/v1/decisions/b1")
        assert found.json()["request"]["wish"] == "(private)"
        assert client.get("/v1/decisions/b1/explain").json()["request"]["wish"] == "(private)"
        assert engine.home.log.find(engine.loaded.system.request, "b1").wish == "a secret wish"
        wrong = client.post("/v1/decide", json={"member": "ann", "wish": 987654})
        assert (wrong.status_code, wrong.json()["error"]["field"]) == (422, "wish")
        assert "987654" not in wrong.text
        again = client.post("/v1/decide", json={**asked, "wish": "another secret"})
        assert again.status_code == 409
        assert "secret" not in again.text


def test_the_model_serves_on_without_the_name(folder):
    forgetting_in(folder)
    with running(folder, SimulatedTime(NOW + 60 * MINUTE)) as engine:
        version = engine.load("alike-0001-" + next((folder / "versions" / "alike").iterdir()).name.split("-")[-1])
        assert FORGOTTEN not in version.candidates
        assert len(version.candidates) == len(MEMBERS) - 1
        assert version.candidate_vectors.shape[0] == len(MEMBERS) - 1
        assert version.query_vectors.shape[0] == len(MEMBERS)


def test_a_tombstone_says_of_whom_only_to_who_asks_by_name(folder):
    tombstone = forgetting_in(folder)
    home = opened(folder)
    master = home.log.store.keyring.master(make=False)
    assert home.tombstones.of(master, "Member", GONE) == [tombstone]
    assert home.tombstones.of(master, "Member", MEMBERS[1]) == []
    home.close()


def test_whom_is_written_as_a_class_and_an_id():
    assert whom(loaded(), "Member:a:b") == Who("Member", "a:b", is_candidate=True)
    for wrong, said in (("Member", "names nobody"), ("Member:", "names nobody"), ("Wave:w", "has no entity class Wave: choose Member")):
        with pytest.raises(BadInput, match=said):
            whom(loaded(), wrong)


def test_one_that_was_interrupted_is_finished_before_another_begins(folder):
    home = opened(folder, read_only=False)
    log_forget.begin(home.log.store, WHO, NOW)
    other = forget(home, Who("Member", MEMBERS[0], is_candidate=True), NOW + 1)
    assert [one.number for one in home.tombstones.all()] == [1, 2]
    assert home.tombstones.all()[1] == other
    assert home.tombstones.check(home.log.store.keyring.master(make=False)) == []
    home.close()
    assert holding(folder, *TRACES) == []


@pytest.fixture(scope="module")
def dying():
    with killers("tests.serve.remembering") as made:
        yield made


@pytest.mark.parametrize("sample", [12, pytest.param(None, marks=pytest.mark.slow)])
def test_killed_at_any_line_it_can_be_done_again(club, memory, dying, sample):
    before = read(club)
    whole = shutil.copytree(club, memory / f"whole-{sample}")
    lines = dying.at_line(whole, 0)
    home = opened(whole)
    expected = contents(home)
    [tombstone] = home.tombstones.all()
    home.close()
    chosen = range(1, lines + 1) if sample is None else np.random.default_rng(sample).choice(lines, min(sample, lines), replace=False) + 1
    for number in chosen:
        here = shutil.copytree(club, memory / f"line-{sample}-{number}")
        assert dying.at_line(here, number) is None, number
        assert read(here) in (before, expected), f"line {number}: all is there or nothing"
        forgetting_in(here)
        assert holding(here, *TRACES) == [], number
        home = opened(here)
        assert contents(home) == expected, number
        assert [(one.removed, one.named, one.since) for one in home.tombstones.all()] == [
            (tombstone.removed, tombstone.named, tombstone.since)
        ], number
        assert home.tombstones.check(home.log.store.keyring.master(make=False)) == [], number
        assert log_forget.pending(home.log.store.folder) is None, number
        for version in home.registry.versions("alike"):
            home.registry.folder(version.version)
        home.close()
        shutil.rmtree(here)
