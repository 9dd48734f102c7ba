"""`millrace experiment`: planned from the log, put on record, read in a table and on a page, and ended."""

import re
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from millrace.cli.main import main
from millrace.serve.home import Home
from millrace.stores.audit import Change
from millrace.stores.experiments import Registered
from tests.operate.stand import MODULE, START, Stand, lived, stand

GUESTS = 160


class Said(NamedTuple):
    status: int
    out: str
    err: str


class Asked:
    """A stand, and the command line asked about it."""

    def __init__(self, of: Stand, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.of, self._monkeypatch, self._capsys = of, monkeypatch, capsys

    def __call__(self, command: str, *options: str) -> Said:
        words = ["millrace", "experiment", command, str(self.of.module), *options, "--home", str(self.of.folder)]
        self._monkeypatch.setattr(sys, "argv", words)
        self._monkeypatch.setenv("COLUMNS", "200")
        try:
            main()
            status = 0
        except SystemExit as ended:
            status = int(ended.code or 0)
        printed = self._capsys.readouterr()
        return Said(status, printed.out, printed.err)

    def begin(self, rule: str = "anytime", planned: int = GUESTS) -> None:
        """Put on record, as of when the stand was opened, what `start` puts on record as of now."""
        plan = Registered(
            hypothesis="Coffee pays.",
            primary="paid",
            arms=["tea", "coffee"],
            shares=[0.5, 0.5],
            confidence=0.95,
            rule=rule,
            planned=planned,
        )
        home = Home(self.of.folder, self.of.loaded, read_only=True)
        home.experiments.start("stand", "served", plan, Change(START, "ada", "to know"))
        home.close()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    lived(stand(folder), GUESTS)
    return folder


@pytest.fixture
def asked(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Asked:
    shutil.copytree(world, tmp_path, dirs_exist_ok=True)
    return Asked(stand(tmp_path), monkeypatch, capsys)


def test_plan_says_what_is_found_after_how_many_weeks(asked: Asked) -> None:
    said = asked("plan", "--effect", "10%")
    assert said.status == 0, said.err
    assert re.search(rf"served: what paid shows, [\d.]+ now over {GUESTS} units", said.out)
    rows = re.findall(r"^ +(\d+) +([\d,]+) +([\d.]+) +([\d.]+)% *$", said.out, re.M)
    assert [int(week) for week, *_ in rows] == [1, 2, 3, 4, 6, 8, 13, 26]
    parts = [float(part) for *_, part in rows]
    assert parts == sorted(parts, reverse=True)
    assert re.search(r"An effect of [\d.]+ is found with a chance of 80% after \d+ weeks, [\d,]+ units\.", said.out)
    assert "is no effect" in asked("plan", "--effect", "much").err


def test_start_puts_the_plan_on_record_once(asked: Asked) -> None:
    said = asked("start", "--hypothesis", "Coffee pays.", "--effect", "5%", "--rule", "group")
    assert said.status == 0, said.err
    assert re.search(r"served is on record: it ends after [\d,]+ units, looks in between are paid for", said.out)
    again = asked("start", "--hypothesis", "Coffee pays.", "--units", "100")
    assert (again.status, "served of stand is running: stop it" in again.err) == (1, True)
    assert asked("status").err.startswith("error: no unit is old enough to be read yet"), "what was decided before it began does not count"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "say after how many units it is to end, --units, or which effect is worth finding, --effect"),
        (["--units", "9", "--rule", "often"], "there is no rule 'often': use one of fixed, group, pocock, anytime"),
        (["--units", "9", "-e", "tasted"], "stand has no experiment 'tasted': use one of served"),
    ],
)
def test_start_without_a_plan_is_refused(asked: Asked, options: list[str], message: str) -> None:
    said = asked("start", "--hypothesis", "Coffee pays.", *options)
    assert (said.status, message in said.err) == (1, True), said.err


def test_status_is_the_scorecard_with_its_verdict_and_counts_looks(asked: Asked) -> None:
    asked.begin()
    said = asked("status")
    assert said.status == 0, said.err
    assert "served, since 2026-01-01 12:00:00 UTC: Coffee pays." in said.out
    row = next(line for line in said.out.splitlines() if line.startswith("paid (primary)"))
    assert re.search(r"\+[\d.]+ % \(95 %: \+[\d.]+ to \+[\d.]+ %\) +<0.0001 +better *$", row), row
    assert "coffee was shown to be better than tea in paid" in said.out
    assert re.search(r"Units: tea \d+, coffee \d+; shares are as planned \(p = ", said.out)
    assert "This is look 1 by the rule anytime, planned for 160 units." in said.out
    assert "This is look 2" in asked("status").out
    assert "This is look 2" in asked("status").out, "to look at the same again is no other look"


def test_status_without_a_plan_says_that_there_is_none(asked: Asked) -> None:
    said = asked("status").out
    assert "served is not on record: millrace experiment start says what is expected" in said
    assert "no plan is on record" in said


def test_look_before_the_planned_end_of_a_test_for_one_is_told(asked: Asked) -> None:
    asked.begin("fixed", 10 * GUESTS)
    said = asked("status").out
    assert "coffee was not shown to differ from tea in paid" in said
    assert "looked at after 160 of 1,600 planned units" in said


def test_stop_records_the_verdict_and_keeps_an_arm(asked: Asked) -> None:
    asked.begin()
    assert "has no arm 'milk'" in asked("stop", "--why", "it pays", "--keep", "milk").err
    said = asked("stop", "--why", "it pays", "--keep", "coffee")
    assert said.status == 0, said.err
    assert "coffee was shown to be better than tea" in said.out
    assert "served is over; within seconds everyone gets coffee" in said.out
    home = Home(asked.of.folder, asked.of.loaded, read_only=True)
    course = home.experiments.course("stand", "served")
    kept = home.experiments.kept("stand")
    home.close()
    assert course.verdict["coffee"]["decision"] == "better"
    assert kept == {"served": "coffee"}
    assert "everyone gets coffee: Coffee pays." in asked("status").out
    assert "is not running" in asked("stop", "--why", "again").err


def test_experiment_that_nobody_met_ends_without_a_verdict(asked: Asked) -> None:
    asked("start", "--hypothesis", "Coffee pays.", "--units", "100")
    assert "served is over; its arms go on as declared" in asked("stop", "--why", "a mistake").out


@pytest.mark.browser
def test_page_draws_what_was_shown_and_how_it_came_about(asked: Asked, tmp_path: Path, chromium: str) -> None:
    from playwright.sync_api import sync_playwright

    asked.begin()
    said = asked("status", "--page", str(tmp_path / "page.html"))
    assert said.status == 0, said.err
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page, wrong = browser.new_page(viewport={"width": 1000, "height": 1500}), []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto((tmp_path / "page.html").as_uri())
        page.wait_for_selector(".scatterlayer .point")
        assert page.locator(".plot").count() == 2
        forest, course = page.locator(".plot").nth(0), page.locator(".plot").nth(1)
        assert forest.locator(".ytick").all_text_contents()[-1] == "paid, primary"
        assert course.locator(".points .point").count() >= 10
        assert "the difference so far, with an interval that allows for looks" in course.text_content()
        assert "coffee was shown to be better than tea" in page.locator("main").text_content()
        assert page.locator("#shares tr").count() == 3
        assert page.locator("#metrics tr").nth(1).locator("td").first.text_content() == "paid (primary)"
        assert page.locator("#metrics tr").nth(1).locator("td").last.text_content() == "better"
        assert page.locator(".balance tr").nth(1).locator("td").first.text_content() == "Pay.amount before 7d"
        assert len(page.screenshot(full_page=True)) > 20_000
        browser.close()
    assert wrong == []


def test_experiment_without_a_scorecard_has_nothing_to_be_read_by(asked: Asked) -> None:
    asked.of.module.write_text(MODULE.replace(", scorecard=card", ""))
    for command, *options in (["plan"], ["start", "--hypothesis", "It pays.", "--units", "9"], ["status"]):
        assert "served declares no scorecard=" in asked(command, *options).err
