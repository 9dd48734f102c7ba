"""A dependency is declared, pinned and has its reasons written down: no library comes in by the back door."""

import ast
import re
import sys
import tomllib
from collections.abc import Mapping

import pytest

from tests.architecture.source import PACKAGE, REPOSITORY, Sources, expect_none, plant

# What a distribution is called where it is imported, when that is not its own name.
IMPORTED_AS = {"scikit-learn": "sklearn", "prometheus-client": "prometheus_client"}


def declared(extra: str = "") -> set[str]:
    """Return the distributions that pyproject.toml asks for, in the core or in an extra."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    wanted = project["optional-dependencies"][extra] if extra else project["dependencies"]
    return {re.split(r"[^\w.-]", line)[0] for line in wanted}


def pinned(name: str) -> dict[str, str]:
    """Return the version of every distribution in a list of pins, by its name in lower case with dashes."""
    lines = (REPOSITORY / "requirements" / f"{name}.txt").read_text().splitlines()
    pins = (line.partition("==") for line in lines if not line.startswith("#"))
    return {distribution.lower().replace("_", "-"): version for distribution, _, version in pins}


def undeclared_imports(sources: Sources, allowed: set[str]) -> list[str]:
    """Return every import of a library that the core does not declare; adapters bring an extra's library and say so when it is missing."""
    return [
        f"{source.path}:{node.lineno}: {name} is not a dependency of the core: declare it, or write an adapter for an extra"
        for source in sources.values()
        if source.unit != "adapters"
        for node in ast.walk(source.tree)
        for name in _libraries(node)
        if name not in allowed
    ]


def _libraries(node: ast.AST) -> list[str]:
    match node:
        case ast.Import():
            return [alias.name.partition(".")[0] for alias in node.names]
        case ast.ImportFrom(module=str(module), level=0):
            return [module.partition(".")[0]]
    return []


def unexplained(wanted: set[str], pins: Mapping[str, str], table: str) -> list[str]:
    """Return every distribution without a row in the table of docs/dependencies.md, or with another version than the one pinned."""
    rows = [line for line in table.splitlines() if line.startswith("|")]
    return [
        f"{name} {pins.get(name, '(not pinned)')} has no row in docs/dependencies.md"
        for name in sorted(wanted)
        if not any(re.search(rf"\b{name}\b", row) and pins.get(name, "-") in row for row in rows)
    ]


FOR_TYPES_ONLY = {"typing_extensions"}  # the type checker brings it
ALLOWED = FOR_TYPES_ONLY | {IMPORTED_AS.get(name, name) for name in declared()} | set(sys.stdlib_module_names) | {PACKAGE}


def test_every_library_imported_is_declared(house):
    expect_none(undeclared_imports(house, ALLOWED))


@pytest.mark.parametrize(("extra", "pins"), [("", "run"), ("dev", "dev"), ("bench", "bench")])
def test_every_dependency_has_its_row_and_its_pin(extra, pins):
    expect_none(unexplained(declared(extra), pinned(pins), (REPOSITORY / "docs" / "dependencies.md").read_text()))


def test_longer_lists_of_pins_hold_the_shorter():
    assert pinned("run").items() <= pinned("dev").items() <= pinned("bench").items()


def test_planted_library_is_found(tmp_path):
    sources = plant(tmp_path, {"features/offline.py": "def rows():\n    import pandas.core", "adapters/redis.py": "import redis"})
    assert len(undeclared_imports(sources, ALLOWED)) == 1


@pytest.mark.parametrize("table", ["", "| arrays | numpy | 2.0.0 |", "| arrays | numpydantic | 2.4.6 |"])
def test_planted_dependency_without_reasons_is_found(table):
    assert len(unexplained({"numpy"}, {"numpy": "2.4.6"}, table)) == 1
