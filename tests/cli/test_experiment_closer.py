"""What `millrace experiment status` says besides the scorecard: in lines, in tables, as JSON and on the page."""

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.cli.test_experimenting import Asked
from tests.operate.stand import Stand, stand
from tests.operate.towns import TOWN_MODULE, TOWNS, lived

GUESTS = 160


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("towns")
    lived(folder, GUESTS)
    return folder


@pytest.fixture
def asked(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Asked:
    shutil.copytree(world, tmp_path, dirs_exist_ok=True)
    of: Stand = stand(tmp_path, TOWN_MODULE)
    return Asked(of, monkeypatch, capsys)


def test_status_names_the_control_and_looks_more_closely_in_a_line_each(asked: Asked) -> None:
    asked.begin()
    said = asked("status")
    assert said.status == 0, said.err
    assert "coffee against tea, the control, as of " in said.out
    assert "shares are as planned (p = 1, however often one looks)" in said.out
    assert "paid of coffee, looked at more closely" in said.out
    for what in ("what it is worth", "belief", "by exposure age", "by Visit.town", "by paid_before"):
        assert len(re.findall(rf"^{what} ", said.out, re.MULTILINE)) == 1, what
    assert re.search(
        r"^belief +better with [\w .]+%, \+[\d.]+ % \(95 %: .* prior: normal, mean 0, standard deviation", said.out, re.MULTILINE
    )
    assert "drawn to the mean" not in said.out


def test_full_status_has_every_segment_and_age(asked: Asked) -> None:
    asked.begin()
    said = asked("status", "--full").out
    for town in TOWNS:
        assert re.search(rf"^{town} +40 +[+-][\d.]+ \(95 %: ", said, re.MULTILINE), town
    assert "paid of coffee by exposure age, in steps of 1d" in said
    assert len(re.findall(r"^ +[0-6] +160 +[+-][\d.]+ % \(", said, re.MULTILINE)) == 7


def test_status_looks_at_any_metric_as_closely_and_says_which_there_are(asked: Asked, tmp_path: Path) -> None:
    stand(tmp_path, TOWN_MODULE.replace("secondary=[", 'secondary=[Mean(Pay.amount, name="paid early", within="1d"), '))
    asked.begin()
    said = asked("status", "--closer", "paid early").out
    for metric in ("paid", "paid early"):
        assert f"{metric} of coffee, looked at more closely" in said
    wrong = asked("status", "--closer", "paid late")
    assert wrong.status == 1
    assert (
        "there is no metric 'paid late': look at one of paid, paid early, visits, sipped, sips per visit, came back, complained"
        in wrong.err
    )
    assert len(json.loads(asked("status", "--json").out)["course"]["looks"]) == 1, "a look that was refused is none"


def test_status_as_json_is_one_object_and_counts_as_a_look(asked: Asked) -> None:
    asked.begin()
    found = json.loads(asked("status", "--json").out)
    assert found["experiment"] == "served"
    assert found["found"]["control"] == "tea"
    assert found["verdicts"][0]["arm"] == "coffee"
    closer = found["closer"]["coffee"]
    assert [one["name"] for one in closer["segments"]["Visit.town"]["segments"]] == sorted(TOWNS)
    assert len(closer["ageing"]["ages"]) == 7
    assert closer["belief"]["controls"].startswith("no error rate")
    again = json.loads(asked("status", "--json").out)
    assert sum(again["course"]["looks"][0]["units"].values()) == GUESTS
    guard = next(one["comparison"] for one in found["found"]["findings"] if one["metric"] == "visits" or one["role"] == "guardrail")
    assert guard is None or guard["low"] is not None


@pytest.mark.browser
def test_page_draws_segments_and_ages(asked: Asked, tmp_path: Path, chromium: str) -> None:
    from playwright.sync_api import sync_playwright

    asked.begin()
    assert asked("status", "--page", str(tmp_path / "page.html")).status == 0
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page, wrong = browser.new_page(viewport={"width": 1000, "height": 1500}), []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto((tmp_path / "page.html").as_uri())
        page.wait_for_selector(".closer .scatterlayer .point")
        assert "coffee against tea, the control" in page.locator("p.lead").text_content()
        towns, before, ages = (page.locator(".closer .plot").nth(at) for at in range(3))
        assert towns.locator(".ytick").all_text_contents() == sorted(TOWNS)
        assert towns.locator(".points .point").count() == 2 * len(TOWNS), "as seen, and as drawn to the mean"
        assert "drawn towards the mean" in towns.text_content()
        assert "the effect by paid_before" in before.text_content()
        assert ages.locator(".points .point").count() == 7
        assert page.locator("table.said tr").count() == 5
        browser.close()
    assert wrong == []
