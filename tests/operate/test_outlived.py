"""Beliefs that were replaced long ago go, and whoever asks for what they thought is told so."""

from __future__ import annotations

from pathlib import Path

import pytest

from millrace.errors import NotFound
from millrace.operate.outlived import KEPT, LATEST, let_go, served_until
from millrace.serve.explain import explain
from millrace.serve.release import Versions
from millrace.stores.audit import Audit
from millrace.stores.release import Release
from millrace.stores.standing import Rollout, Standing
from millrace.types import DAY, MINUTE, SECOND
from tests.operate.test_updating import START, standing


def release(name: str, version: str) -> Release:
    return Release(id=name, system="booth", versions={"belief": version}, system_hash="h", thresholds={}, created=0)


def test_a_version_served_until_no_standing_held_it_any_more():
    releases = {name: release(name, f"belief-{name}") for name in "abc"}
    history = [
        Standing(system="booth", revision=1, champion="a", action="update", at=10),
        Standing(system="booth", revision=2, champion="b", action="update", at=20),
        Standing(
            system="booth", revision=3, champion="b", rollout=Rollout(release="a", step=0, share=0.5, started=30), action="roll out", at=30
        ),
        Standing(system="booth", revision=4, champion="c", action="promote", at=40),
    ]
    assert served_until(history, releases, 99) == {"belief-a": 40, "belief-b": 40, "belief-c": 99}
    assert served_until([], {}, 99) == {}


def test_replaced_beliefs_go_after_a_month_but_for_the_latest(tmp_path: Path) -> None:
    with standing(tmp_path, "tests.operate.booth") as stand:
        home, made = stand.engine.home, []
        for minute in range(15, 15 + 5 * (LATEST + 7), 5):
            made += stand.visit(3, minute)
            stand.step(minute)
        versions = [one.version for one in home.registry.versions("belief")]
        assert len(versions) > LATEST + 2
        oldest, replaced = versions[: len(versions) - LATEST], served_until(home.releases.history("booth"), _releases(home), stand.now)
        models = list(stand.operator.updating.models)
        assert let_go(home, "booth", models, stand.now + KEPT - DAY) == [], "all served within the month"
        assert let_go(home, "booth", models, replaced[oldest[0]] + KEPT) == oldest[:1], "one was replaced a month ago"
        assert let_go(home, "booth", models, stand.now + 2 * KEPT) == oldest[1:]
        assert let_go(home, "booth", models, stand.now + 3 * KEPT) == [], "the latest stay, however old"
        assert {home.registry.get(one).stage for one in oldest} == {"deleted"}
        assert len(list((tmp_path / "versions" / "belief").iterdir())) == LATEST
        with pytest.raises(NotFound, match="were deleted"):
            home.registry.folder(oldest[0])
        assert Audit(home.database).entries(oldest[0])[-1].why == "it was replaced long ago"
        assert stand.belief() is not None

        first = next(one for one in made if one.release and home.releases.get(one.release).versions["belief"] == oldest[0])
        why = explain(stand.engine.loaded, home.log, home.releases, Versions(stand.engine.loaded, home.registry), first.id)
        assert why.considered == 2
        assert why.unexplained == f"the files of {oldest[0]} were deleted: train it again, its record says on what"


def _releases(home) -> dict[str, Release]:
    return {one.id: one for one in home.releases.of("booth")}


def test_it_happens_once_a_day_by_itself(tmp_path: Path) -> None:
    with standing(tmp_path, "tests.operate.booth") as stand:
        for minute in range(15, 15 + 5 * (LATEST + 3), 5):
            stand.visit(3, minute)
            stand.step(minute)
        stand.now += 40 * DAY
        stand.visit(3, 1)
        stand.now += 20 * MINUTE
        said = stand.operator.step(stand.now)
        assert said[-1].startswith("the files of ")
        assert said[-1].endswith(" beliefs replaced long ago are deleted")
        assert stand.now - START > 40 * DAY + SECOND
