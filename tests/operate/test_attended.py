"""What a person began is left to them: shadows stay, switches are watched and end; and a halt stops the loop."""

from pathlib import Path

import pytest

from millrace.serve import changing
from millrace.stores.audit import Change
from millrace.types import HOUR
from tests.operate.stall import Life, Sorting, living, stall


def change(life: Life) -> Change:
    return Change(life.time.now, "ada", "to try")


def switched(life: Life, release: str, keep: str = "1h") -> None:
    changing.switch(life.engine.home.releases, life.engine.standing, release, change(life), keep)


def last(life: Life) -> tuple[str, str]:
    standing = life.engine.home.releases.history("stall")[-1]
    return standing.action, standing.who


def test_switch_that_nobody_takes_back_ends_with_a_new_champion(tmp_path: Path) -> None:
    with living(tmp_path, stall(every="40h")) as life:
        life.until(1.2)
        release = _second(life)
        switched(life, release)
        life.until(2)
        assert last(life) == ("roll out", "ada")
        assert life.arms == {"canary"}, "everybody is on the new side"
        done = life.until(2.7)
        assert f"{release} is champion: nobody went back in the time declared" in done
        assert (last(life), life.engine.standing.champion) == (("promote", "guard"), release)


def _second(life: Life, seed: int = 9) -> str:
    """Release another version of the ranker, by hand."""
    home, model = life.engine.home, life.engine.loaded.models["ranker"]
    first = home.registry.versions("ranker")[0]
    made = home.registry.publish("ranker", model.learner.fit(_Nothing(model.heads), seed).save, first.lineage, {}, {})
    return home.releases.create("stall", {"ranker": made.version}, life.engine.loaded.hash, {}, change(life)).id


class _Nothing:
    """Examples as `Sorting` reads them."""

    def __init__(self, heads: tuple[str, ...]) -> None:
        self.labels = dict.fromkeys(heads)


def test_switch_to_what_cannot_answer_harms_nobody_and_is_taken_back(tmp_path: Path) -> None:
    with living(tmp_path, stall(Sorting(broken=(9,)), every="40h")) as life:
        life.until(1.2)
        champion, release = life.engine.standing.champion, _second(life)
        switched(life, release)
        done = life.until(2)
        assert f"{release} was rolled back: 100% of its latest" in done[0]
        assert done[0].endswith("decisions missed something, 0% was usual before")
        assert (last(life), life.engine.standing.champion) == (("withdraw", "guard"), champion)
        assert [one.severity for one in life.engine.home.journal.alerts("stall", monitor="guard")] == ["critical"]
        made = [one for _, one in life.engine.home.log.decisions(system="stall") if f"{release}/ranked" in one.missed]
        assert len(made) >= 20
        assert all(one.taken == 3 for one in made), "who met it was answered"


def test_shadow_is_left_alone_and_nothing_is_trained_beside_it(tmp_path: Path) -> None:
    with living(tmp_path, stall(every="2h")) as life:
        life.until(1.2)
        release, trained = _second(life), len(life.engine.home.journal.runs("stall", kind="train"))
        releases = life.engine.home.releases
        changing.shadow(life.engine.loaded, releases, life.engine.standing, release, change(life), 0.5, "100ms")
        assert life.until(6) == []
        assert life.arms == {"alone", "shadowed"}
        assert last(life) == ("roll out", "ada")
        assert len(life.engine.home.journal.runs("stall", kind="train")) == trained
        releases.withdraw(releases.standing("stall"), change(life))
        assert any("trained because" in said for said in life.until(6.4))


def test_halted_system_is_only_watched(tmp_path: Path) -> None:
    with living(tmp_path, stall(every="2h")) as life:
        life.until(3)
        assert life.engine.standing.rollout is not None
        before, champion = life.engine.home.releases.history("stall"), life.engine.standing.champion
        changing.halt(life.engine.loaded, life.engine.home, "champion", change(life))
        assert life.until(9) == []
        assert life.arms == {""}
        assert life.engine.home.releases.history("stall") == before
        changing.resume(life.engine.loaded, life.engine.home, change(life))
        resumed = life.engine.home.releases.standing("stall")
        assert (resumed.rollout.started, resumed.champion) == (life.time.now, champion)
        life.until(9.6)
        assert life.engine.standing.rollout.step == before[-1].rollout.step, "nothing was seen of it meanwhile: its step lasts anew"
        assert life.time.now - resumed.rollout.started < HOUR


def test_release_that_was_trained_when_somebody_halted_waits(tmp_path: Path) -> None:
    class Halting(Sorting):
        """Somebody halts the system while its second version is trained."""

        def fit(self, examples, seed):
            if life.engine.standing.champion is not None and life.engine.home.halts.now("stall") is None:
                changing.halt(life.engine.loaded, life.engine.home, "champion", change(life))
            return super().fit(examples, seed)

    with living(tmp_path, stall(Halting(), every="2h")) as life:
        done = life.until(4)
        assert done[-1].endswith("passed its gate and waits: stall is halted")
        assert [one.action for one in life.engine.home.releases.history("stall")] == ["promote"]


@pytest.mark.parametrize("to", ["champion", "fallback"])
def test_decision_made_while_halted_is_made_again_alike(tmp_path: Path, to: str) -> None:
    with living(tmp_path, stall(every="40h")) as life:
        life.until(1.2)
        switched(life, _second(life))
        changing.halt(life.engine.loaded, life.engine.home, to, change(life))
        life.until(1.5)
        made = [one for _, one in life.engine.home.log.decisions(system="stall") if one.at > life.time.now - HOUR // 6]
        assert made
        assert {one.policy for one in made} == {"ranked" if to == "champion" else "plain"}
        asked = [life.engine.home.log.find(life.engine.loaded.system.request, one.id) for one in made[:20]]
        again = life.engine.decide(asked)
        assert again == made[:20], "who asks again gets the decision that was made"
        changing.resume(life.engine.loaded, life.engine.home, change(life))
        life.engine.reload()
        assert life.engine.decide(asked) == made[:20]
