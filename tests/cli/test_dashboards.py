"""Every metric and label that the dashboard and the alerting rules name is one that a server tells that has seen all."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import promql_parser as promql
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from millrace.cli.dashboards import NAMES, dashboards, text_of
from millrace.stores.audit import Change
from millrace.stores.standing import Rollout
from tests.serve.running import install
from tests.serve.tiny import served

RUNBOOK = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
GOODS = [{"type": "Good", "id": f"g{n}", "price": 2.0, "added_at": "2026-01-01T00:00:00Z"} for n in range(3)]
OPEN_VALUES = {"status"}
"""Labels whose values need not all have been seen: which errors there are is not the scenario's to say."""


def lived(folder: Path) -> dict[str, dict[str, set[str]]]:
    """Return what a server tells after all kinds of traffic: by metric, the values of each label."""
    with served("tests.serve.tiny_faulty", folder) as (client, engine):
        client.post("/v1/events", json=GOODS)
        champion = install(engine)
        client.post("/v1/decide", json=[{"id": "a"}, {"id": "b"}])
        client.post("/v1/decide", json={"id": "c", "limit": "many"})
        (model,) = client.post("/v2/repository/index").json()
        inputs = client.get("/v2/models/ranker").json()["inputs"]
        rows = [{"name": one["name"], "datatype": one["datatype"], "shape": [1], "data": [1]} for one in inputs]
        assert client.post(f"/v2/models/{model['name']}/infer", json={"inputs": rows}).status_code == 200
        client.post("/v1/events", json={**GOODS[0], "price": -1.0})
        for n in range(6):  # the fifth trips the breaker
            assert client.post("/v1/decide", json={"id": f"d{n}"}).json()["missed"] == ["best"]
        assert 'millrace_breaker_open{name="best",system="shop"} 1.0' in client.get("/metrics").text
        change = Change(engine.clock.now(), "test", "to be seen")
        versions = engine.home.releases.get(champion).versions
        candidate = engine.home.releases.create(engine.loaded.name, versions, engine.loaded.hash, {"none": 0.5}, change)
        engine.home.releases.roll_out(engine.standing, Rollout(release=candidate.id, step=0, share=0.25, started=change.at), change)
        engine.reload()
        text = client.get("/metrics").text
    told: dict[str, dict[str, set[str]]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = told.setdefault(sample.name, {})
            for name, value in sample.labels.items():
                labels.setdefault(name, set()).add(value)
    return told


def unknown(expression: str, told: dict[str, dict[str, set[str]]]) -> list[str]:
    """Return what an expression names that no server tells: metrics, labels, and values of labels."""
    found: list[str] = []
    labels: set[str] = set()
    for selector in selectors(promql.parse(filled(expression))):
        if selector.name not in told:
            found.append(f"no metric {selector.name}")
            continue
        labels |= told[selector.name].keys()
        for one in selector.matchers.matchers:
            values = told[selector.name].get(one.name)
            if values is None:
                found.append(f"{selector.name} has no label {one.name}")
            elif one.op == promql.MatchOp.Equal and one.name not in OPEN_VALUES and one.value not in values:
                found.append(f"{selector.name} has no {one.name}={one.value!r}")
    grouped = {name for inside in re.findall(r"\b(?:by|on|group_left) \(([^)]*)\)", expression) for name in re.findall(r"\w+", inside)}
    return found + [f"no label {name}" for name in sorted(grouped - labels)]


def selectors(expression: object) -> Iterator[promql.VectorSelector]:
    """Yield what an expression reads."""
    if isinstance(expression, promql.VectorSelector):
        yield expression
    for name in ("expr", "lhs", "rhs", "vs", "vector_selector", "args", "param"):
        inner = getattr(expression, name, None)
        for one in inner if isinstance(inner, list) else [inner]:
            if one is not None and not isinstance(one, str):
                yield from selectors(one)


def filled(expression: str) -> str:
    """Return an expression as Prometheus gets it: with what Grafana puts in place of its variables."""
    return expression.replace("$__rate_interval", "1m").replace("$system", ".*")


def rules() -> list[dict]:
    return [rule for group in yaml.safe_load(text_of("alerts.yml"))["groups"] for rule in group["rules"]]


def panels() -> list[dict]:
    return [panel for panel in json.loads(text_of("grafana.json"))["panels"] if panel["type"] != "row"]


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    return lived(tmp_path_factory.mktemp("lived"))


def test_every_expression_names_what_a_server_tells(told):
    named = [(rule["alert"], rule["expr"]) for rule in rules()]
    named += [(panel["title"], target["expr"]) for panel in panels() for target in panel["targets"]]
    found = [f"{where}: {what}" for where, expression in named for what in unknown(expression, told)]
    assert not found, "\n".join(["", *found])


def test_every_label_that_a_sentence_fills_in_is_there(told):
    for panel in panels():
        for target in panel["targets"]:
            for name in re.findall(r"{{(\w+)}}", target["legendFormat"]):
                read = [selector.name for selector in selectors(promql.parse(filled(target["expr"])))]
                assert any(name in told[metric] for metric in read), (panel["title"], name)
    for rule in rules():
        kept = {name for inside in re.findall(r"by \(([^)]*)\)", rule["expr"]) for name in re.findall(r"\w+", inside)}
        kept |= {"system"} if " by " not in rule["expr"] else set()
        assert set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"])) <= kept, rule["alert"]


def test_every_metric_of_ours_is_looked_at_somewhere(told):
    everything = text_of("grafana.json") + text_of("alerts.yml")
    ours = {re.sub(r"_(bucket|sum|count|total|created)$", "", name) for name in told if name.startswith("millrace_")}
    assert [name for name in sorted(ours) if name not in everything] == []
    assert [name for name in sorted(ours) if f"`{name}" not in RUNBOOK] == []


def test_rules_have_the_form_that_prometheus_reads():
    assert yaml.safe_load(text_of("alerts.yml")).keys() == {"groups"}
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names) >= 10
    for rule in rules():
        assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
        assert promql.parse(rule["expr"])
        assert re.fullmatch(r"\d+[smhd]", rule.get("for", "1m"))
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"]["runbook"] == f"docs/operations.md#{rule['alert'].lower()}"
        assert f"\n### {rule['alert']}\n" in RUNBOOK, f"what to do on {rule['alert']} is not said"


def test_dashboard_is_one_that_grafana_can_import():
    dashboard = json.loads(text_of("grafana.json"))
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)
    assert {one["name"] for one in dashboard["templating"]["list"]} == {"datasource", "system"}
    for panel in panels():
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
        assert all(target["datasource"]["uid"] == "${datasource}" for target in panel["targets"])


@pytest.mark.parametrize(
    "expression, what",
    [
        ("rate(millrace_decision_total[5m])", "no metric millrace_decision_total"),
        ('sum(millrace_waiting{line="events"})', "millrace_waiting has no label line"),
        ('sum(millrace_waiting{queue="event"})', "millrace_waiting has no queue='event'"),
        ("sum by (systems) (millrace_limit)", "no label systems"),
        ("1 + millrace_limit / millrace_limits", "no metric millrace_limits"),
        ("histogram_quantile(0.9, sum by (le) (rate(millrace_request_bucket[5m])))", "no metric millrace_request_bucket"),
    ],
)
def test_planted_mistake_is_found(told, expression, what):
    assert what in unknown(expression, told)


def test_command_writes_both_files(tmp_path, capsys):
    for line in dashboards(tmp_path / "new" / "folder"):
        print(line)
    for name in NAMES:
        assert (tmp_path / "new" / "folder" / f"millrace-{name}").read_text() == text_of(name)
        assert f"millrace-{name}" in capsys.readouterr().out or name == NAMES[1]
