"""`millrace dashboards`: a dashboard for Grafana and alerting rules for Prometheus, of the metrics that a server tells."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

NAMES = ("grafana.json", "alerts.yml")


def dashboards(folder: Path) -> list[str]:
    """Write both files to a folder, made if need be, and return what to do with them. What lies there by their names is replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        (folder / f"millrace-{name}").write_text(text_of(name), encoding="utf-8")
    return [
        f"{folder / 'millrace-grafana.json'}: import it in Grafana (Dashboards, New, Import)",
        f"{folder / 'millrace-alerts.yml'}: name it under rule_files in prometheus.yml",
    ]


def text_of(name: str) -> str:
    """Return the text of one of the files."""
    return (files("millrace.cli") / "observability" / name).read_text(encoding="utf-8")
