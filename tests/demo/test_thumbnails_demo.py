"""The demonstration of the bandit: its figures, what it leaves behind, and a page that a browser can draw."""

import re
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from millrace.demo.story import Story
from millrace.demo.thumbnails_cards import Cards, look_back
from millrace.demo.thumbnails_figures import BanditFigures, bandit_figures
from millrace.demo.thumbnails_mind import Belief
from millrace.demo.thumbnails_run import run
from millrace.demo.thumbnails_words import told
from millrace.loading import load
from millrace.operate.history import LogHistory
from millrace.serve.home import Home
from millrace.types import DAY, HOUR, objects
from millrace.worlds.thumbnails import ThumbnailsWorld
from millrace.worlds.world import START

STORY = Story(0, 2 * DAY, 5 * DAY)
TINY = {"days": 2, "seed": 1, "viewers": 40, "videos": 3, "cards_per_day": 150}
CARD = {"viewer": objects(["v1"]), "video": objects(["x1"])}


def cards() -> Cards:
    """Return a card every six minutes; every fifth is drawn. The best has 0.5, the drawn 0.3, the bandit's 0.4, on the third day 0.2."""
    at = np.arange(0, 5 * DAY, HOUR // 10)
    n = len(at)
    bandit = np.arange(n) % 5 != 0
    third = (at >= 2 * DAY) & (at < 3 * DAY)
    half, ones = np.full(n, 0.5), np.ones(n)
    return Cards(
        at=at,
        viewer=objects(f"v{k % 50}" for k in range(n)),
        is_bandit=bandit,
        clicked=(np.arange(n) % 10 < 3).astype(float),
        propensity=half,
        favourite=half,
        many=2 * ones,
        shown=np.where(bandit, np.where(third, 0.2, 0.4), 0.3),
        best=half,
        uniform=0.3 * ones,
        greedy=0.4 * ones,
        outdated=0.1 * ones,
        would_greedy=np.arange(n) % 2.0,
    )


def found(of: Cards) -> BanditFigures:
    return bandit_figures(of, {}, {}, STORY, 0.75, 1.0)


def test_what_was_lost_is_told_by_arm_and_time():
    seen = found(cards())
    assert seen.lost["bandit"] == pytest.approx([0.1, 0.3, 0.1])
    assert seen.lost["uniform"] == pytest.approx([0.2] * 3)
    assert seen.outdated_lost == pytest.approx(0.4)
    assert (seen.cards, seen.bandit_cards) == (1200, 960)
    assert seen.saved == pytest.approx(960 * 0.1 - 192 * 0.2)
    assert seen.best_shown == [0, 0, 0]


def test_recovered_is_the_end_of_the_first_day_that_was_hardly_worse_than_before():
    assert found(cards()).hours_to_recover == 47  # one hour of 0.3 among 23 of 0.1: 0.108
    never = cards()
    never = replace(never, shown=np.where(never.at >= 2 * DAY, 0.2, never.shown))
    assert found(never).hours_to_recover is None
    assert "did not come back" in " ".join(told(found(never), CARD))


def test_log_that_says_nothing_of_a_policy_is_told_so():
    never = replace(cards(), would_greedy=np.zeros(1200))
    uniform, greedy = found(never).judged
    assert uniform.value == pytest.approx(0.25, abs=0.1)
    assert (greedy.value, greedy.holds) == (None, False)
    assert "never takes a logged action" in greedy.refused
    assert "says nothing" in " ".join(told(found(never), CARD))


def test_what_was_believed_is_of_the_last_instant_before_tastes_turned_and_of_the_end():
    course = [Belief(at, at / DAY, 0.1, 0.5) for at in (DAY, 2 * DAY - 1, 2 * DAY, 4 * DAY)]
    late = [Belief(3 * DAY, 0.5, 0.1, 0.5)]
    (one,) = bandit_figures(cards(), {"a1": course, "a2": late}, {"a1": "calm", "a2": "dark"}, STORY, 0.75, 1.0).beliefs
    assert (one.artwork, one.before, one.after) == ("a1", pytest.approx(2), 4)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[BanditFigures, Path]:
    out = tmp_path_factory.mktemp("bandit") / "demo"
    return run(out, **TINY), out


def test_demonstration_leaves_a_page_that_needs_nothing_else_and_its_figures(small):
    seen, out = small
    assert msgspec.json.decode((out / "summary.json").read_bytes(), type=BanditFigures) == seen
    assert 200 < seen.cards < 400
    assert 0 < seen.bandit_cards < seen.cards
    page = (out / "index.html").read_text(encoding="utf-8")
    assert "tastes turn" in page
    assert not re.search(r"<(script|link|img)[^>]*(src|href)=", page)


def test_cards_are_what_the_log_and_the_world_say_of_each_decision(small):
    _, out = small
    loaded = load("millrace.systems.thumbnails")
    change = START + DAY
    world = ThumbnailsWorld(1, viewers=40, videos=3, artworks=6, artworks_per_day=1, requests_per_day=150, later=0.25, change_at=change)
    with closing(Home(out / "home", loaded, read_only=True)) as home:
        seen = look_back(loaded, LogHistory(home.log, loaded), home.log, world, change)
        made = {one.at: one for _, one in home.log.decisions() if one.taken}
        asked = world.requests(START, START + 2 * DAY)
    place = {at: k for k, at in enumerate(asked["at"].tolist())}
    assert len(seen.at) == len(made)
    for k, at in enumerate(seen.at.tolist()):
        one = made[at]
        card = {name: column[[place[at]] * len(one.candidate)] for name, column in asked.items()}
        worth = world.value({**card, "request": card["id"], "candidate": objects(one.candidate)})
        assert (seen.shown[k], seen.best[k], seen.many[k]) == (worth[0], worth.max(), len(worth))
        assert seen.uniform[k] == pytest.approx(worth.mean())
        assert seen.propensity[k] == one.propensity[0]
        assert seen.favourite[k] == max(one.propensity)
        assert seen.is_bandit[k] == (one.arm == "bandit")
        if one.arm == "bandit":
            top = np.array(one.score) == max(one.score)
            assert seen.greedy[k] == pytest.approx(worth[top].mean())
            assert seen.would_greedy[k] == pytest.approx(top[0] / top.sum())
        old = {name: column[[place[at]]] for name, column in asked.items()}
        assert seen.outdated[k] == world.value(world.ideal(old, change - 1 if at >= change else None))[0]


@pytest.mark.browser
def test_page_draws_what_was_lost_shown_judged_and_believed(small, chromium):
    from playwright.sync_api import sync_playwright

    seen, out = small
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page, wrong = browser.new_page(viewport={"width": 1100, "height": 1500}), []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto((out / "index.html").as_uri())
        page.wait_for_function("document.querySelectorAll('.plot .main-svg .scatterlayer').length >= 4")
        lost, shown, judged, believed = (page.locator(".plot").nth(k) for k in range(4))
        assert lost.locator(".scatterlayer .trace").count() == 4
        assert "tastes turn" in lost.text_content()
        assert shown.locator(".scatterlayer .trace").count() == 3
        assert judged.locator(".ytick").all_text_contents() == ["uniform", "greedy"]
        assert believed.locator(".legendtext").count() == 3
        assert page.locator("#beliefs tr").count() == 1 + len(seen.beliefs)
        assert len(page.screenshot(full_page=True)) > 20_000
        browser.close()
    assert wrong == []


@pytest.mark.slow
def test_bandit_loses_less_than_chance_and_what_its_log_says_of_others_is_true(tmp_path):
    seen = run(tmp_path / "demo", days=10, seed=7)
    before, turned, end = seen.lost["bandit"]
    assert before < 0.75 * seen.lost["uniform"][0]
    assert turned > before
    assert end < 0.75 * seen.lost["uniform"][2]
    assert seen.hours_to_recover is not None
    assert [one.policy for one in seen.judged if one.holds] == ["uniform", "greedy"]
