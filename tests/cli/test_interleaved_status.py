"""`millrace experiment` on an interleaving: put on record, read in a table, as JSON and on a page, and ended."""

import json
import math
import re
import shutil
from pathlib import Path

import pytest

from millrace.types import DAY, HOUR, MINUTE, moment
from tests.cli.test_experimenting import Asked
from tests.operate.stand import MODULE, Open, Stand, stand

GUESTS = 120
MIXED = (
    MODULE.replace("Event, Experiment, Fresh", "Event, Fresh, Interleave")
    .replace("served = Experiment({", "served = Interleave({")
    .replace("unit=Visit.guest, scorecard=card", "reward=sipped, unit=Visit.guest")
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mixed")
    tasted(stand(folder, MIXED))
    return folder


def tasted(of: Stand) -> None:
    """Let guests come once and sip at what they are offered, three of four times at coffee, else at tea."""
    now = Open(of)
    now.stock()
    now.time.now += HOUR
    for n in range(GUESTS):
        now.time.now += MINUTE
        made = now.visit(f"g{n}", f"v{n}")
        if (made.candidate[0] == "coffee") == (n % 4 > 0):
            now.engine.ingest([now.kinds["Sip"](at=moment(now.time.now), visit=made.id, drink=made.candidate[0])])
    now.time.now += DAY
    now.visit("late", "late")
    now.close()


@pytest.fixture
def asked(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Asked:
    shutil.copytree(world, tmp_path, dirs_exist_ok=True)
    return Asked(stand(tmp_path, MIXED), monkeypatch, capsys)


def test_it_is_read_in_a_table_as_json_and_on_a_page(asked: Asked, tmp_path: Path) -> None:
    said = asked("status")
    assert said.status == 0, said.err
    assert "served is not on record" in said.out
    row = next(line for line in said.out.splitlines() if line.startswith("sipped per request (primary)"))
    assert re.search(r"coffee +0\.\d+ +0\.\d+ +[+-]0\.\d+ \(95 %: [+-][\d.]+ to [+-][\d.]+\)", row), row
    assert "coffee was " in said.out
    read = json.loads(asked("status", "--json").out)
    [one] = read["found"]["findings"]
    assert one["comparison"]["method"] == "team-draft interleaving"
    assert one["comparison"]["control"]["units"] == GUESTS + 1
    page = tmp_path / "page.html"
    assert asked("status", "--page", str(page)).status == 0
    text = page.read_text()
    assert "coffee: the difference so far" in text
    assert "What was shown of each metric, with its interval" in text
    assert "credit per request, more than tea earned" in text
    assert "no preference" in text
    assert _drawn(text) == pytest.approx([one["comparison"][name] for name in ("difference", "low", "high")])
    assert "sipped per request" in text


def _drawn(page: str) -> list[float]:
    """Return the middle and the ends of the first line of a page's first plot."""
    [found] = re.findall(r'"error_x":(\{[^}]*"arrayminus"[^}]*\}).*?"x":\[([^\]]*)\]', page)
    reach, middle = json.loads(found[0]), float(found[1])
    return [middle, middle - reach["arrayminus"][0], middle + reach["array"][0]]


def test_a_plan_is_put_on_record_and_counts_looks(asked: Asked) -> None:
    assert "say --units" in asked("plan", "--effect", "1%").err
    assert "say --units" in asked("start", "--hypothesis", "Coffee.", "--effect", "1%").err
    said = asked("start", "--hypothesis", "Coffee.", "--units", "200")
    assert said.status == 0, said.err
    assert asked("status").err.startswith("error: no request that served answered has its outcome known: 0 were answered")
    assert "let the system's policy be that arm alone" in asked("stop", "--why", "done", "--keep", "coffee").err
    assert "there is no 'visits' to look at" in asked("status", "--closer", "visits").err
    assert "served is over" in asked("stop", "--why", "done").out


def test_several_arms_share_the_level(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    third = 'served = Interleave({"blend": Pipeline(drinks, Rules(paid_before), Top(1)), '
    of = stand(tmp_path, MIXED.replace("served = Interleave({", third))
    tasted(of)
    read = json.loads(Asked(of, monkeypatch, capsys)("status", "--json").out)
    found = read["found"]
    assert (found["control"], found["arms"]) == ("blend", ["tea", "coffee"])
    tea, coffee = found["findings"]
    assert tea["comparison"]["confidence"] == pytest.approx(0.975)
    assert tea["adjusted"] == pytest.approx(min(tea["comparison"]["log_p"] + math.log(2), 0.0))
    assert coffee["refused"]["reason"] == "no variance", "the blend ranks as coffee does"
    assert [one["decision"] for one in read["verdicts"]][1] == "unread"
