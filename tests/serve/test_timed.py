"""How long a decision took: recorded while a release goes out, of what was asked alone, and never in a simulation."""

from pathlib import Path

import pytest

from millrace.serve.engine import Engine
from millrace.stores.audit import Change
from millrace.stores.standing import Rollout
from tests.serve.running import ask, install, running, stock


def roll_out(engine: Engine) -> None:
    """Begin to roll out what serves, with another threshold, to a half."""
    home, champion = engine.home, engine.home.releases.get(str(engine.standing.champion))
    change = Change(engine.clock.now(), "test", "to be timed")
    made = home.releases.create(engine.loaded.name, champion.versions, engine.loaded.hash, {"none": 0.5}, change)
    home.releases.roll_out(engine.standing, Rollout(release=made.id, step=0, share=0.5, started=change.at), change)
    engine.reload()


@pytest.mark.parametrize("patient", [False, True])
def test_decision_is_timed_while_a_release_goes_out_unless_nobody_waits(patient: bool, tmp_path: Path) -> None:
    with running(tmp_path, patient=patient) as engine:
        engine.ingest(stock(engine))
        install(engine)
        (before,) = engine.decide([ask(engine, "before")])
        roll_out(engine)
        (alone,) = engine.decide([ask(engine, "alone")])
        together = engine.decide([ask(engine, "one"), ask(engine, "other")])
        assert before.took_us == 0
        assert (alone.took_us > 0) == (not patient)
        assert [one.took_us for one in together] == [0, 0]
        assert engine.home.log.decision("alone") == alone
