"""What a server writes into its log when somebody changes what serves, whoever had that installed first."""

import msgspec

from millrace.cli.replicas import only_reload
from millrace.serve.changing import halt, resume, switch
from millrace.stores.audit import Change
from tests.serve.tiny import NOW, RANK, publish_ranker, served


def by_ada(why: str, after: int) -> Change:
    return Change(NOW + after, "ada", why)


def test_every_change_is_said_once_with_who_and_why(tmp_path):
    with served(RANK, tmp_path) as (_, engine):
        first = publish_ranker(engine)
        home, step = engine.home, only_reload(engine)
        assert step(0) == []
        other = home.releases.create("shelf", home.releases.get(first).versions, "another", {"none": 0.5}, by_ada("to have two", 1))
        switch(home.releases, engine.standing, other.id, by_ada("it is better", 2), "1h")
        engine.reload()  # as the operator does, or the HTTP API
        assert step(0) == [f"{first} serves, {other.id} beside it: roll out by ada, it is better"]
        halt(engine.loaded, home, "champion", by_ada("it sells nothing", 3))
        engine.reload()
        assert (step(0), step(0)) == (["halted to its champion by ada: it sells nothing"], [])
        resume(engine.loaded, home, by_ada("mended", 4))
        stands = f"{first} serves, {other.id} beside it: roll out by ada, resumed, the step begins anew: mended"
        assert step(0) == [f"no longer halted: {stands}"]
        home.releases.withdraw(engine.standing, by_ada("enough", 5))
        assert step(0) == [f"{first} serves: withdraw by ada, enough"]


def test_version_that_does_not_fit_the_module_is_said_when_it_is_left_out(tmp_path, caplog):
    with served(RANK, tmp_path) as (_, engine):
        publish_ranker(engine)
        record = engine.home.registry.get(engine.installed.versions["ranker"])

        def saved(folder):
            (folder / "note.txt").write_text("of another declaration")

        lineage = msgspec.structs.replace(record.lineage, declaration="0000000000")
        other = engine.home.registry.publish("ranker", saved, lineage, {}, {})
        release = engine.home.releases.create("shelf", {"ranker": other.version}, "another", {}, by_ada("it changed", 1))
        engine.home.releases.promote(engine.standing, release.id, by_ada("it changed", 2))
        for _ in range(3):
            engine.reload()
        assert engine.installed.versions == {}
        said = [one.getMessage() for one in caplog.records if one.name == "millrace.serve" and one.levelname == "ERROR"]
        assert said == [f"{other.version} is not served: its model is declared otherwise now than when it was trained; train it anew"]
