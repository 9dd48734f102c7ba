"""What a user's module binds to names at its top, and on which lines: read from its source beside the values it has once run."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from millrace.features.declare import Family
from millrace.module.ground import Ground
from millrace.schema import Entity, Event
from millrace.walk import is_declaration


@dataclass(frozen=True, eq=False)
class Binding:
    """A declaration or a class bound to a name at the top of a user's module.

    Attributes:
        name: The name; of another module than the one that was asked for, `module.name`.
        place: Its `file:line`.
        value: What it is bound to.
        fields: For a class, the `file:line` of each field written in it.
    """

    name: str
    place: str
    value: Any
    fields: dict[str, str]

    @property
    def is_own(self) -> bool:
        """Whether it stands in the module that was asked for."""
        return "." not in self.name


def bindings(module: ModuleType, ground: Ground) -> list[Binding]:
    """Return what a module binds, and then what the user's modules that it imports do, nearest first.

    Args:
        module: The module that was asked for, run.
        ground: Which files are the user's.
    """
    found: list[Binding] = []
    seen: set[str] = set()
    queue = [module]
    while queue:
        current = queue.pop(0)
        if current.__name__ in seen:
            continue
        seen.add(current.__name__)
        file = Path(current.__file__ or "")
        tree = ast.parse(file.read_text(encoding="utf-8"))
        prefix = "" if current is module else f"{current.__name__.removeprefix(f'{module.__package__}.')}."
        found += _bound(current, tree, file.name, prefix)
        files = {other: getattr(other, "__file__", None) or "<none>" for other in _imported(tree, current)}  # `time` and `sys` have none
        queue += [other for other, place in files.items() if ground.holds(place)]
    return found


def _bound(module: ModuleType, tree: ast.Module, file: str, prefix: str) -> Iterator[Binding]:
    statements = {name: node for node in tree.body for name in assigned(node)}  # the last one to bind a name holds
    for name, node in statements.items():
        value = vars(module).get(name)
        if is_declaration(value) or isinstance(value, Family) or _is_stream(value):
            yield Binding(f"{prefix}{name}", f"{file}:{node.lineno}", value, _fields(node, file))


def _is_stream(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, Entity | Event)


def _fields(node: ast.stmt, file: str) -> dict[str, str]:
    body = node.body if isinstance(node, ast.ClassDef) else []
    return {name: f"{file}:{inner.lineno}" for inner in body if isinstance(inner, ast.AnnAssign) for name in assigned(inner)}


def assigned(node: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement binds: of an assignment, a function or a class."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield node.name
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    for target in targets:
        yield from (inner.id for inner in ast.walk(target) if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store))


def first_line(node: ast.stmt) -> int:
    """Return the line a statement begins on, its decorators included."""
    decorators = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def _imported(tree: ast.Module, module: ModuleType) -> Iterator[ModuleType]:
    """Yield the modules that a module imports, as far as they have been run."""
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            origin = importlib.util.resolve_name("." * node.level + (node.module or ""), module.__package__)
            names = [origin, *(f"{origin}.{alias.name}" for alias in node.names)]
        yield from (sys.modules[name] for name in names if name in sys.modules)
