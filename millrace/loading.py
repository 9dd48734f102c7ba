"""Load a user's module: run it, name its declarations by their bindings, check them, and say what they come to."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from millrace.errors import DeclarationError
from millrace.features.declare import Family, OnDemand, Ratio, key_name
from millrace.features.plan import Plan, plan
from millrace.models.declare import Judged, Model, Outcome, Pairs
from millrace.policy.act import Act
from millrace.policy.pipeline import Pipeline
from millrace.policy.sources import Source, Union
from millrace.schema import references, shows, stream_of
from millrace.system import System
from millrace.walk import children, digest, is_declaration, reachable


@dataclass(frozen=True, eq=False)
class Binding:
    """A declaration bound to a name at the top of a user's module: `place` is its `file:line`."""

    name: str
    place: str
    value: Any


@dataclass(frozen=True, eq=False)
class Loaded:
    """A system as loaded: its declarations by name, and what follows from them.

    Attributes:
        path: The module's import path or file, as given.
        name: The system's name: the binding in its module.
        system: The declaration.
        names: The name of every declaration, by its identity.
        models: By name, every model it reaches.
        plan: What the feature engines keep and read.
        streams: Every Entity, Event and Request class it needs in its log, by class name.
        hash: 10 hex digits of what the system is; releases carry it.
        warnings: What is declared and does nothing.
    """

    path: str
    name: str
    system: System
    names: dict[int, str]
    models: dict[str, Model]
    plan: Plan
    streams: dict[str, type]
    hash: str
    warnings: tuple[str, ...]

    def name_of(self, declaration: Any) -> str:
        """Return the name a declaration is bound to, or the one it was given after what holds it."""
        return self.names[id(declaration)]

    def of(self, kind: type | tuple[type, ...]) -> Iterator[Any]:
        """Yield every declaration of a kind that the system reaches."""
        return (one for one in reachable(self.system) if isinstance(one, kind))

    @property
    def thresholds(self) -> dict[str, tuple[Act, Any, Model]]:
        """By key, each threshold that a gate learns: the chooser, its rule, and the model whose score it cuts."""
        found: dict[str, tuple[Act, Any, Model]] = {}
        for pipeline in self.of(Pipeline):
            model = None
            for stage in pipeline.stages:
                model = getattr(stage, "model", model)
                for action, rule in stage.learned if isinstance(stage, Act) and model is not None else ():
                    found[f"{self.name_of(stage)}/{action}"] = (stage, rule, model)
        return found


def load(path: str) -> Loaded:
    """Load the module at an import path (`shop.feed`) or in a file (`shop/feed.py`).

    Raises:
        DeclarationError: The module cannot be found or run, declares no system or several, or breaks a rule. The message names
            the declaration, its line, the rule and the remedy.
    """
    from millrace.checks import check

    module = _run(path)
    systems = [(name, value) for name, value in vars(module).items() if isinstance(value, System)]
    if len({id(value) for _, value in systems}) != 1:
        found = ", ".join(name for name, _ in systems) or "none"
        raise DeclarationError(f"{path} declares {found}: one module declares one system; bind one System(...)")
    name, system = systems[0]
    bindings = _bindings(module)
    names = _names(name, system, bindings)
    loaded = _assemble(path, name, system, names, bindings)
    check(loaded, _places(bindings))
    return loaded


def _run(path: str) -> ModuleType:
    file = Path(path)
    try:
        if path.endswith(".py"):
            return _run_file(file)
        return importlib.import_module(path)
    except ModuleNotFoundError as error:
        if path.endswith(".py") or error.name not in (path, path.split(".")[0]):
            raise DeclarationError(f"{path}: {error}; install it, or run from the folder that holds it") from error
        raise DeclarationError(f"there is no module {path}: give a file such as feed.py, or an import path such as shop.feed") from error
    except DeclarationError as error:
        raise DeclarationError(f"{_place(error, path)}{error}") from error
    except SyntaxError as error:
        raise DeclarationError(f"{error.filename}:{error.lineno}: {error.msg}") from error


def _run_file(file: Path) -> ModuleType:
    if not file.is_file():
        raise DeclarationError(f"there is no file {file}: give the module that declares the system")
    folder = str(file.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[file.stem]
        raise
    return module


def _place(error: DeclarationError, path: str) -> str:
    """Return `file:line: ` of the last line outside Millrace itself that led to an error."""
    house = str(Path(__file__).parent)
    systems = str(Path(__file__).parent / "systems")
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not frame.filename.startswith("<") and (not frame.filename.startswith(house) or frame.filename.startswith(systems)):
            if "importlib" in frame.filename:
                continue
            return f"{Path(frame.filename).name}:{frame.lineno}: "
    return f"{path}: "


def _bindings(module: ModuleType) -> list[Binding]:
    """Return every declaration bound at the top of a module, and of the modules beside it that it imports from."""
    found: list[Binding] = []
    root = _file(module).parent
    seen: set[Path] = set()
    queue = [(module, "")]
    while queue:
        current, prefix = queue.pop(0)
        file = _file(current)
        if file in seen or file.suffix != ".py" or file.parent != root:
            continue
        seen.add(file)
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for name, line in _assigned(tree):
            value = vars(current).get(name)
            if is_declaration(value) or isinstance(value, Family):
                found.append(Binding(f"{prefix}{name}", f"{file.name}:{line}", value))
        imported = [(sys.modules[other], f"{other.rsplit('.', 1)[-1]}.") for other in _imported(tree) if other in sys.modules]
        queue.extend(imported)
    return found


def _file(module: ModuleType) -> Path:
    return Path(getattr(module, "__file__", None) or "")


def _assigned(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node.lineno
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        for target in targets:
            for inner in ast.walk(target):
                if isinstance(inner, ast.Name):
                    yield inner.id, node.lineno


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def _places(bindings: list[Binding]) -> dict[int, str]:
    """Return the place of each declaration by its identity; a family's members stand where it does."""
    found: dict[int, str] = {}
    for binding in bindings:
        for one in (binding.value, *(binding.value.members if isinstance(binding.value, Family) else ())):
            found.setdefault(id(one), binding.place)
    return found


def _names(name: str, system: System, bindings: list[Binding]) -> dict[int, str]:
    """Name every declaration: by its binding, else after what holds it (`ranked.Top`, `sources.Fresh`), numbered where needed."""
    names: dict[int, str] = {}
    somebody = {id(one) for one in reachable(system) if isinstance(one, Model | System | Source) or hasattr(one, "decide")}
    for binding in bindings:
        key = id(binding.value)
        if key in names and key in somebody:
            raise DeclarationError(f"{binding.place}: {binding.name} and {names[key]} are one declaration: bind it once, so that it has one name")
        names.setdefault(key, binding.name)
        for one in binding.value.members if isinstance(binding.value, Family) else ():
            names.setdefault(id(one), f"{binding.name}[{', '.join(map(key_name, one.per))}, {one.over}]")
    used = set(names.values())
    for one in reachable(system):
        for leaf in _leaves(inner for _, inner in children(one)):
            _give_name(leaf, names.get(id(one), name), names, used)
    return names


def _leaves(values: Any) -> Iterator[Any]:
    for value in values:
        if isinstance(value, tuple | list):
            yield from _leaves(value)
        else:
            yield value


def _give_name(child: Any, parent: str, names: dict[int, str], used: set[str]) -> None:
    if not is_declaration(child) or id(child) in names:
        return
    base = getattr(child, "column", None) or f"{parent}.{type(child).__name__}"
    if hasattr(child, "model") and hasattr(child, "apply"):
        base = f"{parent}.Score.{names.get(id(child.model), 'model')}"
    given, n = base, 2
    while given in used and getattr(child, "column", None) is None:
        given, n = f"{base}{n}", n + 1
    names[id(child)] = given
    used.add(given)


def _assemble(path: str, name: str, system: System, names: dict[int, str], bindings: list[Binding]) -> Loaded:
    features = list(_features(system))
    feature_plan = _planned(system, features, names, bindings)
    reached = {id(one) for one in reachable(system)} | _members(features)
    warnings = tuple(
        f"{binding.place}: {binding.name} is declared and used by nothing"
        for binding in bindings
        if "." not in binding.name and not _reached(binding.value, reached)
    )
    models = {names[id(one)]: one for one in reachable(system) if isinstance(one, Model)}
    streams = _streams(system, feature_plan)
    return Loaded(path, name, system, names, models, feature_plan, streams, digest(system), warnings)


def _reached(value: Any, reached: set[int]) -> bool:
    return id(value) in reached or isinstance(value, Family) and any(id(one) in reached for one in value.members)


def _planned(system: System, features: list[Any], names: dict[int, str], bindings: list[Binding]) -> Plan:
    try:
        return plan(system.request, system.candidate, features)
    except DeclarationError:
        places = _places(bindings)
        for one in features:  # which of them is it?
            try:
                plan(system.request, system.candidate, [one])
            except DeclarationError as error:
                said = f"{places[id(one)]}: " if id(one) in places else ""
                raise DeclarationError(f"{said}{names.get(id(one), one.column)}: {error}") from error
        raise


def _features(system: System) -> Iterator[Any]:
    """Yield every feature and attribute that the system's models, sources and stages read."""
    for one in reachable(system):
        if isinstance(one, Model):
            yield from one.features
        elif isinstance(one, Source) and not isinstance(one, Union) or hasattr(one, "apply"):
            yield from one.features()


def _members(features: list[Any]) -> set[int]:
    """Return the identities of features and of what they need."""
    found: set[int] = set()
    queue = list(features)
    while queue:
        one = queue.pop()
        found.add(id(one))
        queue += list(one.needs) if isinstance(one, OnDemand) else [one.top, one.bottom] if isinstance(one, Ratio) else []
    return found


def _streams(system: System, feature_plan: Plan) -> dict[str, type]:
    """Return every class whose records the system's log must hold, those they refer to among them."""
    wanted: list[Any] = [system.request, *([system.candidate] if system.candidate is not None else []), *feature_plan.streams]
    for one in reachable(system):
        if isinstance(one, Outcome):
            wanted.append(one.stream)
        if isinstance(one, Pairs | Judged):
            wanted.append(stream_of(one.positive if isinstance(one, Pairs) else one.of))
    found: dict[str, type] = {}
    while wanted:
        owner = wanted.pop()
        if pair := shows(owner):
            wanted.extend(pair)
            continue
        if (same := found.setdefault(owner.__name__, owner)) is not owner:
            raise DeclarationError(
                f"{owner.__module__}.{owner.__name__} and {same.__module__}.{same.__name__} share a name: rename one, a log knows classes by name"
            )
        wanted.extend(field.refers_to for field in references(owner) if field.refers_to not in found.values())
    return dict(sorted(found.items()))


