"""Loading a user's module: names, places, hash, streams, warnings, and that nothing else happens."""

import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from millrace.errors import DeclarationError
from millrace.loading import load
from millrace.policy.act import Cost, Precision
from millrace.policy.top import Top

VIDEO = '''"""What feeds share."""

from datetime import datetime

from millrace import Entity, Event, Ref, mean, outcome


class Creator(Entity):
    country: str


class Viewer(Entity):
    country: str


class Video(Entity):
    creator: Ref[Creator]
    topic: str
    uploaded_at: datetime


class Watch(Event):
    viewer: Ref[Viewer]
    video: Ref[Video]
    completed: bool


finish = mean(Watch.completed, per=[Video, Video.topic], over="7d")
finished = outcome(Watch.completed, within="30m")
'''

FEED = '''"""A feed."""

from video import Video, Viewer, Watch, finish, finished

from millrace import ALS, AtMost, Drift, Factorized, Fresh, Logistic, Model, NoRepeats, Pairs, Pipeline, Ref, Request
from millrace import Retrain, System, Top, Trending, Weigh, count, feature


class Refresh(Request):
    viewer: Ref[Viewer]
    limit: int = 10


def scaled(x):
    return x * 168


plays = count(Watch, per=Video, over=["1h", "7d"])


@feature(plays["1h"], plays["7d"])
def heat(hour, week):
    """How fast it goes."""
    return scaled(hour) / (week + 1)


nearby = Model(finished, learner=ALS(epochs=3), examples=Pairs(Watch.completed))
ranker = Model(finished, features=[plays, finish, heat, Video.topic], learner=Logistic(reg=2.0))
sources = Trending(Watch.video, take=50) | Fresh(Video.uploaded_at) | Factorized(nearby, by=Refresh.viewer)
ranked = Pipeline(sources, NoRepeats(Refresh.viewer, Video), ranker, Weigh({finished: 1}), Top(Refresh.limit, AtMost(2, per=Video.topic)))

feed = System(Refresh, candidate=Video, policy=ranked, monitors=[Drift(ranker)], retrain=Retrain(every="1d"))
'''

FRAUD = '''"""Payments."""

from millrace import Act, Cost, Event, Itself, Logistic, Model, Pipeline, Precision, Ref, Request, Rules, System, outcome


class Payment(Request):
    cents: int


class Chargeback(Event):
    payment: Ref[Payment]


charged = outcome(Chargeback, within="60d")
risk = Model(charged, features=[Payment.cents], learner=Logistic())
scored = Pipeline(Itself(), risk, Act({"decline": Cost(5, 120), "call": 0.7, "review": Precision(0.2)}, otherwise="approve"))
fraud = System(Payment, policy=scored)
'''


@pytest.fixture(autouse=True)
def _imports_are_left_as_they_were(monkeypatch):
    """Loading finds a user's modules for as long as they are used; here, for one test."""
    before = set(sys.modules)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    yield
    for name in set(sys.modules) - before:
        if not name.startswith("millrace."):
            del sys.modules[name]


def write(folder: Path, **modules: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text)
    return folder


def load_feed(folder: Path, feed: str = FEED, video: str = VIDEO):
    return load(str(write(folder, feed=feed, video=video) / "feed.py"))


def swap(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1
    return text.replace(old, new)


def line_of(text: str, part: str) -> int:
    return 1 + text[: text.index(part)].count("\n")


# Names


def test_declarations_are_named_by_their_bindings(tmp_path):
    loaded = load_feed(tmp_path)
    assert loaded.name == "feed"
    assert loaded.name_of(loaded.system) == "feed"
    assert loaded.name_of(loaded.system.policy) == "ranked"
    assert set(loaded.models) == {"nearby", "ranker"}
    assert {loaded.name_of(one) for one in loaded.models["ranker"].features[:2]} == {"plays[Video, 1h]", "plays[Video, 7d]"}


def test_declarations_of_a_module_beside_it_carry_its_name(tmp_path):
    loaded = load_feed(tmp_path)
    assert loaded.name_of(loaded.models["ranker"].outcomes[0]) == "video.finished"
    named = [loaded.name_of(one) for one in loaded.models["ranker"].features[2:4]]
    assert named == ["video.finish[Video, 7d]", "video.finish[Video.topic, 7d]"]


@pytest.mark.parametrize("line", ["from parts.video import *", "import parts.video\nfrom parts.video import *"])
def test_declarations_of_a_package_beside_it_carry_its_name(tmp_path, line):
    write(tmp_path / "parts", __init__="", video=VIDEO)
    feed = swap(FEED, "from video import Video, Viewer, Watch, finish, finished", line)
    loaded = load(str(write(tmp_path, feed=feed) / "feed.py"))
    assert loaded.name_of(loaded.models["ranker"].outcomes[0]) == "parts.video.finished"


def test_what_is_not_bound_is_called_after_what_holds_it(tmp_path):
    names = set(load_feed(tmp_path).names.values())
    assert {"sources.Trending", "sources.Fresh", "sources.Factorized", "ranked.NoRepeats", "ranked.Score.ranker", "ranked.Top"} <= names
    assert {"ranked.Top.AtMost", "feed.Drift", "feed.Retrain"} <= names


def test_what_is_not_bound_is_numbered_where_its_name_is_taken(tmp_path):
    feed = swap(FEED, "AtMost(2, per=Video.topic)", "AtMost(2, per=Video.topic), AtMost(3, per=Video.creator)")
    loaded = load_feed(tmp_path, feed)
    top = next(loaded.of(Top))
    assert [loaded.name_of(one) for one in top.constraints] == ["ranked.Top.AtMost", "ranked.Top.AtMost2"]


def test_an_unbound_feature_is_called_what_it_is(tmp_path):
    loaded = load_feed(tmp_path, swap(FEED, "heat, Video.topic]", 'heat, count(Watch, per=Viewer, over="1d")]'))
    assert loaded.name_of(loaded.models["ranker"].features[-1]) == "count(Watch) per (Viewer) over 1d by 24m"


HARMLESS = {
    "a comment": lambda text: text.replace("\n\nplays", "\n\n# how often it is played\nplays"),
    "layout": lambda text: text.replace(
        'count(Watch, per=Video, over=["1h", "7d"])', 'count(\n    Watch,\n    per=Video,\n    over=["1h", "7d"],\n)'
    ),
    "a docstring": lambda text: text.replace("How fast it goes.", "Its pace."),
    "a comment in a function": lambda text: text.replace("    return x * 168", "    # hours of a week\n    return x * 168"),
    "another declaration": lambda text: text.replace("\n\nplays", '\n\nunused = count(Watch, per=Viewer, over="1d")\nplays'),
    "another order": lambda text: text.replace("def scaled(x):\n    return x * 168\n", "").replace(
        "class Refresh", "def scaled(x):\n    return x * 168\n\n\nclass Refresh"
    ),
}


@pytest.mark.parametrize("edit", HARMLESS.values(), ids=HARMLESS)
def test_a_harmless_edit_leaves_names_and_hash_as_they_were(tmp_path, edit):
    before, after = load_feed(tmp_path / "a"), load_feed(tmp_path / "b", edit(FEED))
    assert edit(FEED) != FEED
    assert after.hash == before.hash
    assert set(after.names.values()) - set(before.names.values()) <= {"unused"}
    assert set(before.names.values()) <= set(after.names.values())


def test_a_renamed_binding_leaves_the_hash_as_it_was(tmp_path):
    renamed = FEED.replace("ranker", "scorer").replace("plays", "watched").replace("feed = System", "start_page = System")
    before, after = load_feed(tmp_path / "a"), load_feed(tmp_path / "b", renamed)
    assert after.hash == before.hash
    assert (after.name, set(after.models)) == ("start_page", {"nearby", "scorer"})


TELLING = {
    "a window": ("video", 'over="7d"', 'over="8d"'),
    "a hop": ("feed", 'over=["1h", "7d"])', 'over=["1h", "7d"], hop="5m")'),
    "a setting of a learner": ("feed", "Logistic(reg=2.0)", "Logistic(reg=3.0)"),
    "whether places are learned": ("feed", "Logistic(reg=2.0)", "Logistic(reg=2.0), position=True"),
    "a function": ("feed", "(week + 1)", "(week + 2)"),
    "a helper of a function": ("feed", "x * 168", "x * 24"),
    "a source": ("feed", "take=50", "take=60"),
    "a constraint": ("feed", "AtMost(2,", "AtMost(3,"),
    "a monitor": ("feed", "Drift(ranker)", "Drift(ranker, limit=0.3)"),
    "a schedule": ("feed", 'every="1d"', 'every="2d"'),
    "a default of the request": ("feed", "limit: int = 10", "limit: int = 20"),
    "a new field": ("video", "    topic: str\n", "    topic: str\n    minutes: float\n"),
    "the type of a field": ("video", "    topic: str\n", "    topic: int\n"),
    "a field that may be missing": ("video", "    topic: str\n", "    topic: str | None = None\n"),
    "what a field refers to": ("video", "    creator: Ref[Creator]\n", "    creator: Ref[Viewer]\n"),
    "a field of a class only referred to": (
        "video",
        "class Creator(Entity):\n    country: str\n",
        "class Creator(Entity):\n    city: str\n",
    ),
    "the time of an outcome": ("video", 'within="30m"', 'within="40m"'),
}


@pytest.mark.parametrize(("module", "old", "new"), TELLING.values(), ids=TELLING)
def test_a_telling_edit_changes_the_hash(tmp_path, module, old, new):
    texts = {"feed": FEED, "video": VIDEO}
    before = load_feed(tmp_path / "a", **texts)
    after = load_feed(tmp_path / "b", **{**texts, module: swap(texts[module], old, new)})
    assert after.hash != before.hash


def test_names_and_hash_are_the_same_in_another_process(tmp_path):
    loaded = load_feed(tmp_path)
    code = "from millrace.loading import load; import sys; x = load(sys.argv[1]); print(x.hash, *sorted(x.names.values()), sep='\\n')"
    said = subprocess.run([sys.executable, "-c", code, str(tmp_path / "feed.py")], capture_output=True, text=True, check=True)
    assert said.stdout.splitlines() == [loaded.hash, *sorted(loaded.names.values())]


# Places and warnings


def test_every_declaration_has_a_place_and_what_is_not_bound_stands_where_its_holder_does(tmp_path):
    loaded = load_feed(tmp_path)
    assert loaded.places[id(next(loaded.of(Top)))] == f"feed.py:{line_of(FEED, 'ranked = ')}"
    assert loaded.places[id(loaded.models["ranker"].outcomes[0])] == f"video.py:{line_of(VIDEO, 'finished = ')}"
    assert set(loaded.names) - set(loaded.places) == set()


@pytest.mark.parametrize(
    ("declared", "warned"),
    [
        ('idle = count(Watch, per=Viewer, over="1d")', "idle"),
        ('idle = count(Watch, per=Viewer, over=["1d", "7d"])', "idle"),
        ("@feature(plays['1h'])\ndef idle(hour):\n    return hour * 2", "idle"),
        ("idle = Model(finished, features=[plays], learner=Logistic())", "idle"),
        ("idle = Pipeline(Trending(Watch.video), Top(3))", "idle"),
        ("LIMIT = 20", None),
        ("class Like(Request):\n    viewer: Ref[Viewer]", None),
        ('weekly = count(Watch, per=Video, over="7d")', None),
    ],
    ids=["feature", "family", "function", "model", "policy", "a constant", "a class", "the same feature under another name"],
)
def test_what_is_declared_and_used_by_nothing_is_said(tmp_path, declared, warned):
    loaded = load_feed(tmp_path, swap(FEED, "\n\nnearby = ", f"\n\n{declared}\n\nnearby = "))
    assert [warning.split(": ")[1].split(" ")[0] for warning in loaded.warnings] == ([warned] if warned else [])


def test_a_family_of_which_one_member_is_used_is_used(tmp_path):
    assert load_feed(tmp_path, swap(FEED, "features=[plays, finish, heat, Video.topic]", "features=[finish, plays['1h']]")).warnings == (
        f"feed.py:{line_of(FEED, 'def heat')}: heat is declared and used by nothing",
    )


# What follows from the declarations


def test_streams_are_collected_through_all_references(tmp_path):
    loaded = load_feed(tmp_path)
    assert list(loaded.streams) == ["Creator", "Refresh", "Video", "Viewer", "Watch"]
    assert loaded.streams["Refresh"] is loaded.system.request


def test_streams_of_features_outcomes_and_examples_are_collected(tmp_path):
    video = (
        VIDEO + "\n\nclass Like(Event):\n    video: Ref[Video]\n\n\nclass Order(Event):\n    viewer: Ref[Viewer]\n    video: Ref[Video]\n"
    )
    feed = FEED.replace("Pairs(Watch.completed)", "Pairs(Order)").replace("from video import ", "from video import Like, Order, ")
    loaded = load_feed(tmp_path, feed.replace("heat, Video.topic]", "heat, count(Like, per=Video, over='1d')]"), video)
    assert {"Like", "Order"} <= set(loaded.streams)


def test_thresholds_that_a_gate_learns_are_those_stated_as_a_precision_or_a_cost(tmp_path):
    loaded = load(str(write(tmp_path, fraud=FRAUD) / "fraud.py"))
    risk = loaded.models["risk"]
    assert {key: (rule, model) for key, (_, rule, model) in loaded.thresholds.items()} == {
        "scored.Act/decline": (Cost(5, 120), risk),
        "scored.Act/review": (Precision(0.2), risk),
    }


def test_a_system_without_thresholds_learns_none(tmp_path):
    assert load_feed(tmp_path).thresholds == {}


# How a module is found and run


def test_a_package_loads_by_its_import_path_from_the_folder_that_holds_it(tmp_path, monkeypatch):
    shop = write(tmp_path / "a_shop", __init__="", feed=FEED.replace("from video", "from .video"), video=VIDEO)
    monkeypatch.chdir(shop.parent)
    loaded = load("a_shop.feed")
    assert loaded.path == "a_shop.feed"
    assert loaded.name_of(loaded.models["ranker"].outcomes[0]) == "video.finished"
    assert load("a_shop.feed").system is loaded.system


def test_a_mistake_in_a_package_is_placed_in_the_module_that_makes_it(tmp_path, monkeypatch):
    video = swap(VIDEO, 'over="7d"', 'over="7"')
    shop = write(tmp_path / "b_shop", __init__="", feed=FEED.replace("from video", "from .video"), video=video)
    monkeypatch.chdir(shop.parent)
    with pytest.raises(DeclarationError, match=f"^video.py:{line_of(VIDEO, 'finish = ')}: finish: '7' is not a duration: "):
        load("b_shop.feed")


def test_a_reference_system_loads_by_either_path():
    by_name = load("millrace.systems.fraud")
    by_file = load(str(Path(sys.modules["millrace.systems.fraud"].__file__ or "")))
    assert (by_file.name, by_file.hash) == (by_name.name, by_name.hash)


def test_two_modules_of_one_name_are_two_systems(tmp_path):
    first = load_feed(tmp_path / "a")
    second = load_feed(tmp_path / "b", video=swap(VIDEO, "    topic: str\n", "    topic: str\n    minutes: float\n"))
    again = load(str(tmp_path / "a" / "feed.py"))
    assert first.system.candidate is not second.system.candidate
    assert first.hash == again.hash != second.hash


@pytest.mark.parametrize("module", ["feed", "video"])
def test_loading_again_sees_an_edit_of_the_same_length_in_the_same_second(tmp_path, module):
    first = load_feed(tmp_path)
    texts = {"feed": FEED, "video": VIDEO}
    edited = texts[module].replace('"7d"', '"6d"')
    assert len(edited) == len(texts[module])
    second = load_feed(tmp_path, **{**texts, module: edited})
    assert first.hash != second.hash


def test_loading_again_after_a_mistake_sees_it_mended(tmp_path):
    with pytest.raises(DeclarationError):
        load_feed(tmp_path, video=swap(VIDEO, 'over="7d"', 'over="7"'))
    assert load_feed(tmp_path).name == "feed"


@pytest.mark.parametrize("name", ["random", "numpy"])
def test_a_file_named_like_another_module_leaves_that_module_in_its_place(tmp_path, name):
    other = sys.modules[name]
    loaded = load(str(write(tmp_path, **{name: FRAUD}) / f"{name}.py"))
    assert loaded.name == "fraud"
    assert sys.modules[name] is other
    assert random.Random(1).random() > 0


def test_a_module_that_a_function_imports_later_is_still_found(tmp_path):
    late = "\n\ndef later():\n    from extra import answer\n    return answer\n"
    write(tmp_path, extra="answer = 42\n", fraud=FRAUD + late)
    load(str(tmp_path / "fraud.py"))
    assert sys.modules["fraud"].later() == 42


def test_classes_may_be_named_before_they_are_defined(tmp_path):
    text = "from __future__ import annotations\n" + FRAUD
    payment, chargeback = "class Payment(Request):\n    cents: int\n", "class Chargeback(Event):\n    payment: Ref[Payment]\n"
    text = swap(text, f"{payment}\n\n{chargeback}", f"{chargeback}\n\n{payment}")
    assert list(load(str(write(tmp_path, fraud=text) / "fraud.py")).streams) == ["Chargeback", "Payment"]


def test_module_may_import_what_is_built_into_python(tmp_path):
    assert set(load(str(write(tmp_path, fraud="import sys\nimport time\n" + FRAUD) / "fraud.py")).streams) == {"Payment", "Chargeback"}


def test_the_error_behind_a_refusal_stays_at_hand(tmp_path):
    with pytest.raises(DeclarationError) as refused:
        load_feed(tmp_path, FEED + "\n1 / 0\n")
    assert isinstance(refused.value.__cause__, ZeroDivisionError)


def test_loading_declares_and_does_nothing_else(tmp_path):
    write(tmp_path, feed=FEED, video=VIDEO)
    threads = threading.active_count()
    load(str(tmp_path / "feed.py"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["feed.py", "video.py"]
    assert threading.active_count() == threads


def test_loading_imports_none_of_the_heavy_libraries(tmp_path):
    write(tmp_path, feed=FEED, video=VIDEO)
    heavy = {"sklearn", "lightgbm", "duckdb", "scipy", "pyarrow", "plotly", "sqlalchemy", "starlette", "granian"}
    code = f"import sys; from millrace.loading import load; load(sys.argv[1]); print(sorted({heavy!r} & set(sys.modules)))"
    said = subprocess.run([sys.executable, "-c", code, str(tmp_path / "feed.py")], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
