"""What `millrace experiment status` says of the other side of a market: in the terminal, as JSON and on the page."""

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.cli.test_experimenting import Asked
from tests.operate.farms import FARM_MODULE, FARMS, lived
from tests.operate.stand import stand

GUESTS = 120


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("farms")
    lived(folder, GUESTS)
    return folder


@pytest.fixture
def asked(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Asked:
    shutil.copytree(world, tmp_path, dirs_exist_ok=True)
    return Asked(stand(tmp_path, FARM_MODULE), monkeypatch, capsys)


def test_status_has_a_line_per_figure_and_says_what_it_does_not_say(asked: Asked) -> None:
    said = asked("status")
    assert said.status == 0, said.err
    assert "farms, on the other side: as units of coffee met them" in said.out
    for line in (rf"reached by \d+ units, of {FARMS + 1}", r"on average each, of \d+ units", "effective number", "part of the top 25 %"):
        [found] = re.findall(rf"^{line} +(.*)$", said.out, re.MULTILINE)
        assert re.search(r"[+-][\d.]+ % \(95 %: .* to .*\) +[\d.]+ +(more|less|nothing)$", found.strip()), found
    told = " ".join(said.out.split())
    assert "Of farms, at equal numbers of units: with coffee more of them were reached, it went to more of them in effect" in told
    assert "is not what they would get with everybody in coffee, as both arms share them." in told


def test_status_as_json_has_every_figure(asked: Asked) -> None:
    asked.begin()
    found = json.loads(asked("status", "--json").out)["other_side"]["coffee"]["farms"]
    assert found["sellers"] == FARMS + 1
    assert found["shown"]["effective"] == "more"
    effective = found["figures"]["effective"]
    assert effective["relative_low"] < effective["relative"] < effective["relative_high"]
    assert effective["low"] is None
    assert set(found["adjusted"]) == set(found["figures"]) == {"reached", "each", "effective", "at top"}


def test_page_has_the_same_table(asked: Asked, tmp_path: Path) -> None:
    said = asked("status", "--page", str(tmp_path / "page.html"))
    assert said.status == 0, said.err
    page = (tmp_path / "page.html").read_text()
    [section] = re.findall(r'<section class="side">(.*?)</section>', page, re.DOTALL)
    assert "farms, on the other side: as units of coffee met them" in section
    assert len(re.findall("<tr>", section)) == 5
    assert "as both arms share them." in section


def test_what_cannot_be_said_is_told(asked: Asked, tmp_path: Path) -> None:
    broken = FARM_MODULE.replace("Buy.amount, per=", "Buy.amount - 3, per=")
    (tmp_path / "stand.py").write_text(broken)
    said = asked("status", "--page", str(tmp_path / "page.html"))
    assert said.status == 0, said.err
    assert re.search(r"^not said +value is negative for \d+ rows", said.out, re.MULTILINE)
    assert "Not said: " not in said.out
    page = (tmp_path / "page.html").read_text()
    assert "Not said: value is negative for" in page
    assert '<table class="side">' not in page
