"""`millrace replay`: what it prints, what it refuses, and in which words."""

import json

import msgspec
import numpy as np
import pytest

from millrace.cli.replay import told
from millrace.evaluation.off_policy import snips
from millrace.evaluation.reasons import Caution, Reason
from millrace.operate.replaying import Replayed
from millrace.operate.replaying_value import Judgement
from tests.cli.shop import live
from tests.operate.posters import wall


@pytest.fixture
def booth(shop):
    return wall(shop.folder, 300)


def test_it_prints_a_row_per_outcome_and_says_what_was_shown(shop, booth):
    said = shop.millrace("replay", "wall.py", "--policy", "calm")
    assert said.status == 0, said.err
    assert "calm on 300 decisions" in said.out
    assert "tapped: calm earns less than what was done (gain -0." in said.out


def test_what_is_to_be_known_of_the_value_is_told_once_and_not_of_the_gain_again():
    found = snips(np.tile([0.0, 1.0], 50), np.full(100, 0.5), np.full(100, 0.5))
    value, gain = (msgspec.structs.replace(found, cautions=(Caution(Reason.SKEWED, f"off by {by}"),)) for by in ("7.5%", "7.6%"))
    judged = [Judgement(outcome="tapped", logged=0.5, value=value, gain=gain)]
    said = told(Replayed(policy="calm", since=0, until=1, decisions=1, unknown=0, earlier=0, unanswered=0, missed={}, rows=1,
                         judgements=judged), "calm")  # fmt: skip
    assert [line for line in said if "off by" in line] == ["off by 7.5%"]


def test_json_holds_it_all(shop, booth):
    said = shop.millrace("replay", "wall.py", "--policy", "surely", "--estimator", "dr", "--confidence", "0.9", "--json")
    found = json.loads(said.out)
    [judged] = found["judgements"]
    assert (found["decisions"], judged["outcome"], judged["value"]["estimator"]) == (300, "tapped", "doubly robust")
    assert judged["value"]["confidence"] == 0.9
    assert judged["value"]["low"] < 0.6 < judged["value"]["high"]


def test_imported_history_has_no_propensities_and_is_refused(stocked):
    said = stocked.millrace("replay", "shop.py", "--policy", "popular")
    assert said.status == 1
    assert "none of 1,500 decisions has propensities: they were imported" in said.err


def test_release_is_judged_only_on_decisions_it_has_not_learned_from(stocked):
    assert stocked.millrace("train", "shop.py").status == 0
    live(stocked, visits=60)
    assert stocked.millrace("train", "shop.py").status == 0
    releases = [word for word in stocked.millrace("status", "shop.py").out.split() if word.startswith("r000")]
    first, second = sorted(set(releases))[0], sorted(set(releases))[-1]
    said = stocked.millrace("replay", "shop.py", "--policy", "ranked", "--release", first)
    assert said.status == 0, said.err
    assert "ranked on 60 decisions" in said.out
    refused = stocked.millrace("replay", "shop.py", "--policy", "ranked", "--release", second, "--since", "2026-03-01T00:00:00Z")
    assert (refused.status, f"{second} learned from what was known until" in refused.err) == (1, True)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--policy", "nobody"), "shop.py binds no policy 'nobody': it binds ranked, popular"),
        (("--policy", "popular", "--since", "yesterday"), "--since 'yesterday': write an instant with its time zone"),
        (("--policy", "popular", "--estimator", "magic"), "there is no estimator 'magic'"),
    ],
)
def test_mistakes_are_said(stocked, options, said):
    found = stocked.millrace("replay", "shop.py", *options)
    assert (found.status, said in found.err) == (1, True), found.err


@pytest.mark.browser
def test_page_draws_every_estimator_and_how_the_weights_lie(shop, booth, tmp_path, chromium):
    from playwright.sync_api import sync_playwright

    page = tmp_path / "page.html"
    said = shop.millrace("replay", "wall.py", "--policy", "calm", "--page", str(page))
    assert said.status == 0, said.err
    assert f"written to {page}" in said.out
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        shown, wrong = browser.new_page(viewport={"width": 1000, "height": 1600}), []
        shown.on("pageerror", lambda error: wrong.append(str(error)))
        shown.goto(page.as_uri())
        shown.wait_for_selector(".scatterlayer .point")
        values, weights = shown.locator(".plot").nth(0), shown.locator(".plot").nth(1)
        names = values.locator(".ytick").all_text_contents()
        assert sorted(names) == sorted(["what was done", "snips", "ips", "clipped", "dr", "mrdr", "switch", "direct"])
        assert weights.locator(".legendtext").all_text_contents() == ["of the choices", "of all weight"]
        assert "tapped: calm earns less than what was done" in shown.locator("main").text_content()
        assert "effective sample size" in shown.locator(".worth").text_content()
        browser.close()
    assert wrong == []


def test_page_says_why_there_is_no_figure(shop, booth, tmp_path):
    page = tmp_path / "page.html"
    early = ("--since", "2026-01-01T12:00:00Z", "--until", "2026-01-01T12:05:00Z")
    said = shop.millrace("replay", "wall.py", "--policy", "last", *early, "--page", str(page), "--json")
    assert said.status == 0, said.err
    [judged] = json.loads(said.out)["judgements"]
    assert judged["value"] is None
    assert "No figure: " in page.read_text()
