"""`credit` on real card holders: a history of approvals imported as decisions, two models trained, and strangers scored."""

import numpy as np

from millrace.loading import load
from millrace.log.log import Log
from tests.datasets.real import by_name, real, tried


def test_credit_tells_who_defaults_and_beats_the_line(tmp_path):
    chosen, tables = real("uci_credit_default")
    said, [auc, brier] = tried(chosen, tables, tmp_path)
    trees, others = by_name(auc)
    assert auc.cases > 4000
    assert trees.value >= 0.77
    assert others["linear"].value >= 0.74
    assert others["linear"].ahead_low > 0
    assert by_name(brier)[0].value <= 0.14
    assert said.release.startswith("r0001")

    loaded = load(chosen.system)
    with Log.open(tmp_path / "log", loaded.streams.values(), read_only=True) as log:
        decided = [decision for _, decision in log.decisions("credit")]
    assert len(decided) == said.imported["Application"]  # asking logs nothing
    assert {(one.policy, one.action) for one in decided} == {("history", "approve")}


def test_second_run_adds_nothing_trains_nothing_and_says_the_same(tmp_path, capsys):
    chosen, tables = real("uci_credit_default")
    some = {"clients": tables["clients"].part(np.arange(len(tables["clients"].number)) % 5 == 0)}
    first, figures = tried(chosen, some, tmp_path)
    capsys.readouterr()
    again, same = tried(chosen, some, tmp_path)
    said = capsys.readouterr().out
    assert "0 Application added" in said
    assert f"{first.release} serves already" in said
    assert (again.release, same) == (first.release, figures)
