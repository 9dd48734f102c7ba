"""`millrace check`: what is declared, read back."""

import pytest

from millrace.cli.written import spelt, written
from millrace.loading import load


def rows(text: str, title: str) -> list[list[str]]:
    """Return the cells of a printed table: its lines from below the rule to the next empty one."""
    lines = text[text.index(title) :].splitlines()
    start = next(place for place, line in enumerate(lines) if line.startswith("──")) + 1
    end = next((place for place in range(start, len(lines)) if not lines[place].strip()), len(lines))
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in lines[start:end]]


def test_new_module_is_said_to_be_sound_with_its_hash(shop):
    said = shop.millrace("check", "shop.py")
    assert said.status == 0
    assert f"shop.py is sound, no warnings; hash {load(str(shop.folder / 'shop.py')).hash}" in said.out


def test_features_are_listed_with_keys_window_hop_default_and_readers(shop):
    features = {row[0]: row[1:] for row in rows(shop.millrace("check", "shop.py").out, "Features")}
    assert features["clicks[Item, 7d]"] == ["count of Click", "Item", "7d", "3h", "0", "ranker, appeal, heat"]
    assert features["taste"] == ["count of Click", "User, Item.category", "30d", "12h", "0", "ranker"]
    assert features["appeal"] == ["clicks[Item, 7d] / shown, prior 1 in 10", "ranker, popular.Rules"]
    assert features["heat"][0] == "How much faster than its weekly pace the item is clicked now."


def test_models_policy_and_operation_are_read_back(shop):
    said = shop.millrace("check", "shop.py").out
    assert rows(said, "Models") == [
        ["ranker", "GradientBoosting(trees=100)", "clicked: any(Click) within 1h", "Decided()", "by training", "7"]
    ]
    for line in (
        "Fallback: after 150ms",
        "propose  Trending(Click.item, over=7d)",
        "score    ranker",
        "choose   Top(Visit.limit, AtMost(2, per=Item.category), explore=0.1)",
        "refine   Rules(appeal)",
        "NotWorse(auc)",
        "every 1d, on Drift",
        "Canary(10%, 100%)",
    ):
        assert line in said, line


def test_what_is_declared_and_does_nothing_is_said(shop):
    with (shop.folder / "shop.py").open("a") as file:
        file.write('idle = count(Click, per=User, over="3d")\n')
    said = shop.millrace("check", "shop.py")
    assert said.status == 0
    assert "idle" in next(line for line in said.out.splitlines() if line.startswith("warning: shop.py:"))
    assert "1 warning;" in said.out


def test_how_often_a_belief_is_updated_is_said(shop):
    [row] = rows(shop.millrace("check", "millrace.systems.thumbnails").out, "Models")
    assert row[1] == "LogisticBelief(decay=3d)"
    assert "updates every 15m" in row


@pytest.mark.parametrize("system", ["millrace.systems.feed", "millrace.systems.fraud", "tests.serve.tiny_alone"])
def test_every_system_can_be_described(shop, system):
    said = shop.millrace("check", system)
    assert said.status == 0, said.err
    assert f"{system} is sound" in said.out


def test_what_is_private_how_long_it_is_kept_and_a_family_once_are_read_back(shop):
    (shop.folder / "desk.py").write_text(
        """
from millrace import Entity, Event, Hashing, Logistic, Model, Pipeline, Private, Ref, Request, System, Top, Trending, encoded, outcome

class Article(Entity):
    title: str
    author: Private[str]

class Ask(Request):
    limit: int = 3

class Opened(Event, retain="90d"):
    ask: Ref[Ask]
    article: Ref[Article]

words = encoded(Article.title, by=Hashing(8))
ranker = Model(outcome(Opened, within="1h"), features=[words], learner=Logistic())
desk = System(Ask, candidate=Article, policy=Pipeline(Trending(Opened.article), ranker, Top(Ask.limit)))
""",
        encoding="utf-8",
    )
    said = shop.millrace("check", "desk.py").out
    classes = {row[0]: row[1:] for row in rows(said, "What is asked")}
    assert classes["Article"] == ["entity", "title: text, author: private text"]
    assert classes["Opened"][0] == "event, kept 90d"
    assert {row[0]: row[-1] for row in rows(said, "Features")}["Article.title"] == "words[0]"


def test_experiment_says_its_unit_and_arms_and_not_what_nobody_set(shop):
    module = shop.folder / "shop.py"
    text = module.read_text().replace("Array,", "Array, Experiment,", 1)
    module.write_text(text.replace("policy=Fallback(", "policy=Experiment({'new': ranked, 'old': popular}, unit=Visit.user),  # ", 1))
    assert "Experiment: unit Visit.user, Assignment(new, old, shares=[0.5, 0.5])" in shop.millrace("check", "shop.py").out


def test_scorecard_of_an_experiment_is_read_back_metric_by_metric(shop):
    said = shop.millrace("check", "millrace.systems.feed").out
    assert rows(said, "Scorecard of feed.Experiment") == [
        ["finished per visit", "Ratio(finished, bottom=Refresh, within=3d)", "primary"],
        ["seconds watched", "Mean(Watch.seconds, within=3d)", "secondary"],
        ["liked per visit", "Ratio(liked, bottom=Refresh, within=3d)", "secondary"],
        ["retention of Refresh", "Retention(Refresh, within=3d, after=1d)", "guardrail, margin 0.03"],
        ["creators", "OtherSide(Watch.seconds, per=Video.creator, within=3d)", "other side"],
    ]


def test_scorecard_says_how_a_metric_is_compared_and_what_part_of_the_control_a_margin_is(shop):
    card = """
card = Scorecard(
    Count(Click),
    secondary=[Compared(Count(Click, name="again"), by=Clustered(User.country))],
    guardrails=[NonInferior(Count(Click, name="kept"), margin=0.05, relative=True)],
)

"""
    module = shop.folder / "shop.py"
    text = module.read_text().replace("Array,", "Array, Clustered, Compared, Count, Experiment, NonInferior, Scorecard,", 1)
    text = text.replace("\nshop = System(", f"{card}shop = System(", 1)
    arms = "policy=Experiment({'new': ranked, 'old': popular}, unit=Visit.user, scorecard=card),  # "
    module.write_text(text.replace("policy=Fallback(", arms, 1))
    said = shop.millrace("check", "shop.py")
    assert said.status == 0, said.err
    assert [row[1:] for row in rows(said.out, "Scorecard of shop.Experiment")] == [
        ["Count(Click)", "primary"],
        ["Count(Click), by Clustered(User.country)", "secondary"],
        ["Count(Click)", "guardrail, margin 5 %"],
    ]


def test_declaration_is_written_by_its_name_or_by_what_is_set():
    fraud = load("millrace.systems.fraud")
    assert written(fraud, fraud.models["risk"]) == "risk"
    assert spelt(fraud, fraud.models["risk"].learner) == "GradientBoosting(leaves=8, learning_rate=0.03, min_rows=10, reg=10)"
    assert [spelt(fraud, one) for one in fraud.system.monitors] == ["Drift(risk)", "Calibration(charged, over=14d)"]


def test_long_lists_of_units_are_cut(shop):
    loaded = load(str(shop.folder / "shop.py"))
    lists = (("old", tuple(f"u{n}" for n in range(1_500))), ("new", ("v1", "v2")))
    assert spelt(loaded, lists) == "{old: u0, u1, u2 and 1,497 more, new: v1, v2}"
