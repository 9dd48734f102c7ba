"""`import millrace` is quick because nothing heavy comes with it."""

import json
import subprocess
import sys

from tests.architecture.source import REPOSITORY

HEAVY = {"lightgbm", "sklearn", "scipy", "duckdb", "pyarrow", "plotly", "starlette", "granian", "sqlalchemy", "typer", "rich", "jinja2"}


def heavy_after(statement: str) -> set[str]:
    """Return the heavy libraries that a fresh interpreter holds after a statement."""
    asked = f"{statement}\nimport json, sys\nprint(json.dumps(list(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", asked], cwd=REPOSITORY, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    return HEAVY & set(json.loads(answer.stdout))


def test_importing_the_package_brings_nothing_heavy():
    assert heavy_after("import millrace") == set()


def test_declaring_a_system_brings_nothing_heavy():
    assert heavy_after("from millrace import *") == set()


def test_heavy_import_would_be_seen():
    assert heavy_after("import duckdb") >= {"duckdb"}
