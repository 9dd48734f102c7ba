import threading
from collections.abc import Callable
from contextlib import suppress

import pytest

from millrace.errors import BadInput, Conflict, NotFound
from millrace.stores.audit import Audit
from millrace.stores.database import Database
from millrace.stores.registry import Registry
from millrace.stores.releases import Releases
from millrace.stores.standing import Rollout, Standing
from tests.stores.making import change, published, released


def rollout(release: str, step: int = 0, share: float = 0.01, **data) -> Rollout:
    return Rollout(release=release, step=step, share=share, started=100, data=data)


def test_release_is_named_for_its_content_and_made_once(registry: Registry, releases: Releases):
    version = published(registry, "a").version
    first = releases.create("feed", {"ranker": version}, "s1", {"finished": 0.5}, change(100))
    assert releases.create("feed", {"ranker": version}, "s1", {"finished": 0.5}, change(200)) == first
    assert first.id.startswith("r0001-")
    assert len(first.id) == 12
    assert releases.get(first.id) == first
    others = [
        releases.create("fraud", {"ranker": version}, "s1", {"finished": 0.5}, change()),
        releases.create("feed", {"ranker": version}, "s2", {"finished": 0.5}, change()),
        releases.create("feed", {"ranker": version}, "s1", {"finished": 0.25}, change()),
        releases.create("feed", {"ranker": version}, "s1", {}, change()),
    ]
    assert [other.id[:5] for other in others] == ["r0002", "r0003", "r0004", "r0005"]
    assert [release.id for release in releases.of("feed")] == [first.id, *(other.id for other in others[1:])]


def test_thresholds_are_kept_exactly_and_may_be_infinite(releases: Releases):
    thresholds = {"block": float("inf"), "all": float("-inf"), "review": 0.1 + 0.2, "whole": 1}
    release = releases.create("fraud", {}, "s1", thresholds, change())
    assert releases.get(release.id).thresholds == thresholds
    assert releases.get(release.id).versions == {}


@pytest.mark.parametrize("score", [float("nan"), "0.5", None])
def test_threshold_that_is_no_number_is_refused(releases: Releases, score):
    with pytest.raises(BadInput, match="the threshold of block is"):
        releases.create("fraud", {}, "s1", {"block": score}, change())


def test_release_of_what_is_not_there_is_refused(registry: Registry, releases: Releases):
    version = published(registry, "a", model="towers").version
    with pytest.raises(NotFound, match="no version is called 'nobody': publish it before releasing it"):
        releases.create("feed", {"ranker": "nobody"}, "s1", {}, change())
    with pytest.raises(BadInput, match="is a version of towers, not of ranker"):
        releases.create("feed", {"ranker": version}, "s1", {}, change())
    with pytest.raises(NotFound, match="no release is called 'r0099-abcdef'"):
        releases.get("r0099-abcdef")
    with pytest.raises(NotFound, match="no release is called 'r0099-abcdef'"):
        releases.promote(releases.standing("feed"), "r0099-abcdef", change())
    assert releases.history("feed") == []


def test_candidate_is_rolled_out_step_by_step_and_promoted(registry: Registry, releases: Releases):
    old, new = released(registry, releases, "a"), released(registry, releases, "b")
    seen = releases.promote(releases.standing("feed"), old, change(100))
    seen = releases.roll_out(seen, rollout(new, 0, 0.01), change(110))
    seen = releases.roll_out(seen, rollout(new, 1, 0.1, lift=0.02), change(120))
    assert releases.standing("feed") == seen
    assert (seen.champion, seen.candidate, seen.rollout.share, seen.rollout.data) == (old, new, 0.1, {"lift": 0.02})
    seen = releases.promote(seen, new, change(130))
    assert (seen.champion, seen.rollout, seen.revision) == (new, None, 4)
    assert [one.action for one in releases.history("feed")] == ["promote", "roll out", "roll out", "promote"]
    assert [one.at for one in releases.history("feed")] == [100, 110, 120, 130]


def test_updates_stand_for_what_they_update_when_rolling_back(registry: Registry, releases: Releases):
    names = [released(registry, releases, one) for one in "abcde"]
    seen = releases.update(releases.standing("feed"), names[0], change(100))
    seen = releases.update(seen, names[1], change(110))
    seen = releases.promote(seen, names[2], change(120))
    for at, name in enumerate(names[3:]):
        seen = releases.update(seen, name, change(130 + at))
    assert [one.action for one in releases.history("feed")] == ["update", "update", "promote", "update", "update"]
    seen = releases.roll_back(seen, change(140))
    assert seen.champion == names[1]
    with pytest.raises(Conflict, match="there is nothing to roll back to"):
        releases.roll_back(seen, change(150))


def test_nothing_is_updated_beside_a_candidate(registry: Registry, releases: Releases):
    names = [released(registry, releases, one) for one in "abc"]
    seen = releases.promote(releases.standing("feed"), names[0], change(100))
    seen = releases.roll_out(seen, rollout(names[1]), change(110))
    with pytest.raises(Conflict, match=f"{names[1]} is being rolled out in feed"):
        releases.update(seen, names[2], change(120))
    assert releases.standing("feed") == seen


def test_withdrawn_candidate_leaves_the_champion(registry: Registry, releases: Releases):
    old, new = released(registry, releases, "a"), released(registry, releases, "b")
    seen = releases.promote(releases.standing("feed"), old, change())
    with pytest.raises(Conflict, match="nothing is being rolled out in feed"):
        releases.withdraw(seen, change())
    seen = releases.withdraw(releases.roll_out(seen, rollout(new), change()), change(why="ctr fell"))
    assert (seen.champion, seen.rollout, seen.why) == (old, None, "ctr fell")


def test_rolling_back_returns_to_the_champion_before_and_never_to_one_rolled_back(registry: Registry, releases: Releases):
    a, b, c, d = (released(registry, releases, text) for text in "abcd")
    seen = releases.standing("feed")
    for release in (a, b, c):
        seen = releases.promote(seen, release, change())
    seen = releases.roll_back(seen, change())
    assert seen.champion == b
    seen = releases.promote(seen, d, change())
    seen = releases.roll_out(seen, rollout(c), change())
    seen = releases.roll_back(seen, change())
    assert (seen.champion, seen.rollout) == (b, None)
    seen = releases.roll_back(seen, change())
    assert seen.champion == a
    with pytest.raises(Conflict, match=f"feed has no champion before {a}: there is nothing to roll back to"):
        releases.roll_back(seen, change())


def test_champion_at_any_instant_is_known(registry: Registry, releases: Releases):
    a, b = released(registry, releases, "a"), released(registry, releases, "b")
    seen = releases.promote(releases.standing("feed"), a, change(100))
    seen = releases.roll_out(seen, rollout(b), change(150))
    seen = releases.promote(seen, b, change(200))
    releases.roll_back(seen, change(300))
    champions = {at: releases.champion_at("feed", at) for at in (99, 100, 199, 200, 299, 300, 10**18)}
    assert champions.pop(99) is None
    assert {at: release.id for at, release in champions.items() if release} == {100: a, 199: a, 200: b, 299: b, 300: a, 10**18: a}
    assert releases.champion_at("fraud", 200) is None


def test_change_dated_before_the_last_one_is_refused(registry: Registry, releases: Releases):
    a, b = released(registry, releases, "a"), released(registry, releases, "b")
    seen = releases.promote(releases.standing("feed"), a, change(-50))
    with pytest.raises(BadInput, match="a change at -51 comes before the last one of feed, at -50"):
        releases.promote(seen, b, change(-51))


@pytest.mark.parametrize(
    "step",
    [
        lambda releases, seen, new: releases.promote(seen, new, change()),
        lambda releases, seen, new: releases.roll_out(seen, rollout(new), change()),
        lambda releases, seen, new: releases.roll_back(seen, change()),
    ],
    ids=["promote", "roll out", "roll back"],
)
def test_lost_race_is_a_conflict_and_changes_nothing(registry: Registry, releases: Releases, database: Database, step: Callable):
    a, b, c = (released(registry, releases, text) for text in "abc")
    seen = releases.promote(releases.promote(releases.standing("feed"), a, change()), b, change())
    releases.roll_out(seen, rollout(c), change(who="the other"))
    before = releases.history("feed"), Audit(database).entries()
    with pytest.raises(Conflict, match=r"feed is at revision 3 \(roll out by the other\), not 2: look again"):
        step(releases, seen, c)
    assert (releases.history("feed"), Audit(database).entries()) == before


def test_state_seen_twice_is_not_the_state_of_before(registry: Registry, releases: Releases):
    a, b = released(registry, releases, "a"), released(registry, releases, "b")
    first = releases.promote(releases.standing("feed"), a, change())
    releases.withdraw(releases.roll_out(first, rollout(b), change()), change())
    with pytest.raises(Conflict, match="look again"):
        releases.roll_out(first, rollout(b), change())


def test_of_threads_that_saw_the_same_exactly_one_acts(registry: Registry, releases: Releases):
    candidates = [released(registry, releases, text) for text in "abcdef"]
    seen, gate, won = releases.standing("feed"), threading.Barrier(6), []

    def act(release: str) -> None:
        gate.wait()
        with suppress(Conflict):
            won.append(releases.promote(seen, release, change()).champion)

    threads = [threading.Thread(target=act, args=(release,)) for release in candidates]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert releases.standing("feed").champion == won[0]
    assert len(releases.history("feed")) == 1


def test_versions_are_champions_exactly_while_a_champion_release_holds_them(registry: Registry, releases: Releases):
    a, b = published(registry, "a").version, published(registry, "b").version
    towers = published(registry, "t", model="towers").version

    def stages() -> list[str]:
        return [registry.get(version).stage for version in (a, b, towers)]

    old = releases.create("feed", {"ranker": a, "towers": towers}, "s1", {}, change()).id
    new = releases.create("feed", {"ranker": b, "towers": towers}, "s1", {}, change()).id
    seen = releases.promote(releases.standing("feed"), old, change())
    assert stages() == ["champion", "candidate", "champion"]
    seen = releases.promote(releases.roll_out(seen, rollout(new), change()), new, change())
    assert stages() == ["retired", "champion", "champion"]
    releases.roll_back(seen, change())
    assert stages() == ["champion", "retired", "champion"]
    with pytest.raises(Conflict, match="cannot be made retired here: promote or roll back the release that holds it"):
        registry.stage(a, "retired", change())


def test_version_that_another_system_serves_stays_champion(registry: Registry, releases: Releases):
    version = published(registry, "a").version
    for system in ("feed", "fraud"):
        release = releases.create(system, {"ranker": version}, "s1", {}, change()).id
        releases.promote(releases.standing(system), release, change())
    for system, stage in (("feed", "champion"), ("fraud", "retired")):
        releases.promote(releases.standing(system), releases.create(system, {}, "s2", {}, change()).id, change())
        assert registry.get(version).stage == stage


def test_rejected_version_can_neither_be_rolled_out_nor_promoted(registry: Registry, releases: Releases):
    release = released(registry, releases, "a")
    version = releases.get(release).versions["ranker"]
    registry.stage(version, "rejected", change())
    with pytest.raises(Conflict, match=f"{release} holds {version}, which was rejected"):
        releases.roll_out(releases.standing("feed"), rollout(release), change())
    with pytest.raises(Conflict, match=f"{version} is rejected and cannot become champion: from there it can become candidate"):
        releases.promote(releases.standing("feed"), release, change())
    assert releases.standing("feed") == Standing(system="feed")


def test_impossible_rollouts_are_refused(registry: Registry, releases: Releases):
    a, b, c = (released(registry, releases, text) for text in "abc")
    alien = releases.create("fraud", {}, "s1", {}, change()).id
    seen = releases.promote(releases.standing("feed"), a, change())
    for share in (-0.1, 1.1):
        with pytest.raises(BadInput, match=r"give a share in \[0, 1\]"):
            releases.roll_out(seen, rollout(b, share=share), change())
    with pytest.raises(BadInput, match=r"Rollout\.share is wrong"):
        releases.roll_out(seen, rollout(b, share=float("nan")), change())
    with pytest.raises(BadInput, match="a rollout has no step -1"):
        releases.roll_out(seen, rollout(b, step=-1), change())
    with pytest.raises(BadInput, match=f"{alien} is a release of fraud, not of feed"):
        releases.roll_out(seen, rollout(alien), change())
    with pytest.raises(BadInput, match=f"{alien} is a release of fraud, not of feed"):
        releases.promote(seen, alien, change())
    with pytest.raises(Conflict, match=f"{a} is the champion of feed already"):
        releases.roll_out(seen, rollout(a), change())
    with pytest.raises(Conflict, match=f"{a} is the champion of feed already"):
        releases.promote(seen, a, change())
    seen = releases.roll_out(seen, rollout(b), change())
    with pytest.raises(Conflict, match=f"{b} is being rolled out in feed: promote or withdraw it before {c}"):
        releases.roll_out(seen, rollout(c), change())
