"""What `millrace new` writes: a module without a warning that serves, learns, and then serves what it learned."""

import numpy as np
import pytest

from millrace.cli.scaffold import scaffold
from millrace.errors import BadInput, Conflict
from millrace.loading import load
from millrace.operate.history import LogHistory
from millrace.operate.learn import learn
from millrace.operate.verify import verify
from millrace.serve.engine import Engine
from millrace.serve.home import Home
from millrace.stores.audit import Change
from millrace.types import DAY, EVER, MINUTE, moment

START = 1_767_268_800_000_000


@pytest.mark.parametrize("kind", ["rank", "score"])
def test_new_system_declares_nothing_in_vain(tmp_path, kind):
    scaffold("fresh", kind, tmp_path)
    loaded = load(str(tmp_path / "fresh.py"))
    assert loaded.name == "fresh"
    assert loaded.warnings == ()
    assert len((tmp_path / "fresh.py").read_text().splitlines()) < 80


def test_next_three_commands_are_told(tmp_path):
    said = "\n".join(scaffold("shop", "rank", tmp_path))
    for command in ("millrace check shop.py", "millrace serve shop.py", "millrace train shop.py"):
        assert command in said


@pytest.mark.parametrize("name", ["my-shop", "2nd", "class", "_hidden", "", "json", "millrace", "clicks", "count", "User", "datetime"])
def test_name_that_cannot_be_used_is_refused_and_nothing_is_written(tmp_path, name):
    with pytest.raises(BadInput):
        scaffold(name, "rank", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_name_that_python_keeps_for_itself_is_told_apart(tmp_path):
    with pytest.raises(BadInput, match="Python keeps the word for itself"):
        scaffold("class", "rank", tmp_path)


def test_file_that_is_there_is_not_overwritten(tmp_path):
    (tmp_path / "shop.py").write_text("mine")
    with pytest.raises(Conflict, match=r"shop\.py"):
        scaffold("shop", "rank", tmp_path)
    assert (tmp_path / "shop.py").read_text() == "mine"


def test_kind_that_is_none_is_refused(tmp_path):
    with pytest.raises(BadInput, match="rank or score"):
        scaffold("shop", "graph", tmp_path)


class Time:
    """A clock that is moved by hand."""

    now = START

    def __call__(self) -> int:
        return self.now


def live(folder, kind, days, ask, react):
    """Run a new system for some days, two batches a day, train it, and return the policies of two more days, and the proof of parity."""
    scaffold("fresh", kind, folder)
    loaded = load(str(folder / "fresh.py"))
    time, chance, policies = Time(), np.random.default_rng(3), []
    home = Home(folder / "home", loaded)
    engine = Engine(loaded, home, now=time, patient=True)
    for step in range(2 * days + 4):
        if step == 2 * days:
            time.now += 8 * DAY
            release, lessons = learn(engine, LogHistory(home.log, loaded), time.now, 0, "test")
            assert release is not None, lessons
            home.releases.promote(engine.standing, release.id, Change(time.now, "test", "it passed"))
            engine.reload()
        time.now += DAY // 2
        decisions = engine.decide(ask(loaded, engine, step, time.now))
        policies += [one.policy for one in decisions] if step >= 2 * days else []
        time.now += MINUTE
        engine.ingest(react(loaded, decisions, time.now, chance))
    proof = verify(loaded, LogHistory(home.log, loaded), EVER, time.now + DAY)
    engine.close()
    home.close()
    return policies, proof


def test_new_rank_system_serves_learns_and_serves_what_it_learned(tmp_path):
    def ask(loaded, engine, step, now):
        streams = loaded.streams
        if step == 0:
            goods = [streams["Item"](id=f"i{n}", category="abc"[n % 3], added_at=moment(START)) for n in range(12)]
            engine.ingest([*goods, *(streams["User"](id=f"u{n}", country="nl") for n in range(30))])
        return [streams["Visit"](id=f"v{step}-{n}", at=moment(now), user=f"u{n}") for n in range(30)]

    def react(loaded, decisions, now, chance):
        click = loaded.streams["Click"]
        users = {one.id: f"u{one.id.split('-')[1]}" for one in decisions}
        liked = [(one.id, item) for one in decisions for item in one.candidate[: one.taken] if int(item[1:]) < 6 and chance.random() < 0.5]
        return [click(at=moment(now), user=users[id_], item=item) for id_, item in liked]

    policies, proof = live(tmp_path, "rank", 4, ask, react)
    assert set(policies) == {"ranked"}
    assert proof.values > 1000
    assert proof.mismatches == ()


def test_new_score_system_serves_learns_and_serves_what_it_learned(tmp_path):
    def ask(loaded, engine, step, now):
        streams = loaded.streams
        if step == 0:
            engine.ingest([streams["Customer"](id=f"c{n}", country="nl") for n in range(20)])
        cents = [(n * 997 + step * 131) % 20_000 for n in range(20)]
        return [streams["Order"](id=f"o{step}-{n}", at=moment(now), customer=f"c{n}", cents=cents[n]) for n in range(20)]

    def react(loaded, decisions, now, chance):
        dispute = loaded.streams["Chargeback"]
        return [dispute(at=moment(now), order=one.id) for one in decisions if int(one.id.split("-")[1]) % 4 == 0 and chance.random() < 0.8]

    policies, proof = live(tmp_path, "score", 30, ask, react)
    assert set(policies) == {"scored"}
    assert proof.mismatches == ()
