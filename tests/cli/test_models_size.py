"""`millrace models size`: versions by what they are worth and what they cost, on the rows of a shop that has lived."""

import re
from html import unescape

import msgspec
import pytest

from millrace.cli.model_sizes import Sized
from millrace.cli.models_page import models_page
from millrace.evaluation.bootstrap import Estimate
from millrace.loading import load
from millrace.serve.home import Home
from tests.cli.shop import live

TWO = """
small = Model(clicked, features=[clicks, shown, appeal, taste, heat, Item.category], learner=Distilled(
    GradientBoosting(trees=100), into=Perceptron(hidden=(8,), epochs=40, loss="squared")))
quick = Pipeline(sources, small, places)
"""


@pytest.fixture
def lived(stocked):
    """A shop with a small model beside the ranker, trained before it lived a day, and the ranker once more after it."""
    module = stocked.folder / "shop.py"
    text = module.read_text().replace("Array, ", "Array, Distilled, Perceptron, Shadow, ", 1)
    text = text.replace("popular = Pipeline", f"{TWO}popular = Pipeline", 1).replace(
        "Fallback(ranked,", "Fallback(Shadow(ranked, quick),", 1
    )
    module.write_text(text)
    assert stocked.millrace("train", "shop.py").status == 0
    live(stocked)
    time_a_decision(stocked)
    stocked.millrace("train", "shop.py", "--seed", "1", "--no-promote")
    return stocked


def time_a_decision(shop):
    """Log the last decision again, as a server that took a millisecond to make it would have."""
    loaded = load(str(shop.folder / "shop.py"))
    home = Home(shop.folder / ".millrace", loaded)
    visit = home.log.find(loaded.streams["Visit"], "visit-239")
    timed = msgspec.structs.replace(home.log.decision("visit-239"), id="timed", took_us=1000)
    home.log.append([msgspec.structs.replace(visit, id="timed"), timed], known=home.log.last_known + 1)
    home.close()


def test_every_version_is_measured_on_the_same_rows(lived):
    said = lived.millrace("models", "size", "shop.py", "--page", "models.html")
    assert said.status == 0, said.err
    rows = re.findall(r"^(ranker|small) +(\1-\d{4}-\w+) +(\w+) +clicked +(\S+) +([\d.]+) +\S+ to \S+ +(\d+)%$", said.out, re.M)
    by_version = {version: (stage, metric, float(value), int(seen)) for _, version, stage, metric, value, seen in rows}
    assert {name for name, *_ in rows} == {"ranker", "small"}
    assert {version[:-9]: found[0] for version, found in by_version.items() if found[0] == "champion"} == {
        "ranker-0001": "champion",
        "small-0001": "champion",
    }
    assert len({metric for _, metric, *_ in by_version.values()}) == 1
    assert all(0.4 < value < 1 for _, _, value, _ in by_version.values())
    for version, (*_, seen) in by_version.items():
        assert seen == 0 if "-0001-" in version else seen > 0
    assert len(re.findall(r" [1-9]\d*\.\d%$| 0\.[1-9]%$", said.out, re.M)) == len(rows)  # of the millisecond
    sizes = {name: int(size.replace(",", "")) for name, size in re.findall(r"^(ranker|small)-\d{4}-\w+ +([\d,]+) ", said.out, re.M)}
    assert sizes["small"] < sizes["ranker"]
    page = (lived.folder / "models.html").read_text()
    assert all(version in page for version in by_version)
    assert not re.search(r"<(link|script)[^>]+(src|href)=", page)


def test_nothing_trained_says_what_to_do(stocked):
    said = stocked.millrace("models", "size", "shop.py")
    assert (said.status, "train it first" in said.err) == (1, True)


def test_nothing_decided_says_to_wait(stocked):
    stocked.millrace("train", "shop.py")
    said = stocked.millrace("models", "size", "shop.py")
    assert (said.status, "wait until the outcomes' windows have closed" in said.err) == (1, True)


def test_nothing_logged_is_said(shop):
    said = shop.millrace("models", "size", "shop.py")
    assert (said.status, "there is nothing in" in said.err) == (1, True)


def sized(**changed):
    known = {"model": "ranker", "version": "ranker-0001-abcdef01", "learner": "Logistic()", "stage": "champion", "outcome": "clicked"}
    known |= {"accuracy": Estimate("auc", 0.7, 0.6, 0.8, 99), "seen": 0.0, "bytes": 900, "one_ms": 0.1, "many_ms": 0.5}
    return Sized(**(known | {"decision_ms": None, "share": None} | changed))


def test_page_escapes_what_it_shows():
    evil = "<script>alert(1)</script>"
    page = models_page(evil, [sized(model=evil, version=evil, learner=evil, outcome=evil)])
    assert evil not in page
    assert evil in unescape(page)


def test_version_that_cannot_be_measured_has_no_point():
    page = models_page("shop", [sized(accuracy=Estimate("auc", None, None, None, 3))])
    assert "too few" in page


@pytest.mark.browser
def test_page_draws_a_point_per_version(tmp_path, chromium):
    from playwright.sync_api import sync_playwright

    second = sized(version="ranker-0002-abcdef01", stage="rejected", seen=0.4, many_ms=2.0)
    other = sized(
        model="small",
        learner="<b>x</b>",
        version="small-0001-abcdef01",
        accuracy=Estimate("auc", 0.6, None, None, 9),
        share=0.02,
        decision_ms=0.1,
    )
    (tmp_path / "page.html").write_text(models_page("shop", [sized(), second, other]), encoding="utf-8")
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page, wrong = browser.new_page(), []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto((tmp_path / "page.html").as_uri())
        page.wait_for_selector(".scatterlayer .point")
        assert page.locator(".scatterlayer .points .point").count() == 3
        assert page.locator(".legendtext").all_text_contents()[1:] == ["small: <b>x</b>"]  # as it is, not bold
        browser.close()
    assert wrong == []
