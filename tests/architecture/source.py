"""A package's source as data: every file parsed once, every import it makes wherever it stands."""

import ast
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PACKAGE = "millrace"


@dataclass(frozen=True)
class Source:
    """One file of the package: its dotted module name, where it lies, its syntax tree and its length in lines."""

    module: str
    path: Path
    tree: ast.Module
    lines: int

    @property
    def unit(self) -> str:
        """The row of the layer table this file belongs to."""
        return unit_of(self.module)


def unit_of(module: str) -> str:
    """Return the row of the layer table a module belongs to: `millrace.log.inbox` is of `log`, `millrace` of itself."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else PACKAGE


Sources = Mapping[str, Source]


def read(folder: Path = REPOSITORY) -> dict[str, Source]:
    """Return every Python file of the package in `folder`, by module name."""
    return {found.module: found for path in sorted((folder / PACKAGE).rglob("*.py")) for found in [_parse(path, folder)]}


def plant(folder: Path, files: Mapping[str, str]) -> dict[str, Source]:
    """Write `files` (path below the package → text) in `folder` and read them: a small tree with a fault a check must find."""
    for name, text in files.items():
        path = folder / PACKAGE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return read(folder)


def _parse(path: Path, folder: Path) -> Source:
    parts = path.relative_to(folder).with_suffix("").parts
    module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    text = path.read_text(encoding="utf-8")
    return Source(module, path.relative_to(folder), ast.parse(text, filename=str(path)), len(text.splitlines()))


def house_imports(source: Source, known: Sources) -> Iterator[tuple[str, int]]:
    """Yield the modules of the package that a file imports, with the line: at its top, inside functions, for types only, by name."""
    modules = {".".join(parts[:n]) for name in known for parts in [name.split(".")] for n in range(1, len(parts) + 1)}
    for node in ast.walk(source.tree):
        for target in _targets(node, source):
            if target == PACKAGE or target.startswith(PACKAGE + "."):
                yield _module_of(target, modules), node.lineno


def _targets(node: ast.AST, source: Source) -> list[str]:
    match node:
        case ast.Import():
            return [alias.name for alias in node.names]
        case ast.ImportFrom():
            return [f"{_origin(node, source)}.{alias.name}" for alias in node.names]
        case ast.Call(func=ast.Name(id=called) | ast.Attribute(attr=called), args=[ast.Constant(str(name)), *_]):
            return [name] if called in {"import_module", "__import__"} else []
    return []


def _origin(node: ast.ImportFrom, source: Source) -> str:
    if not node.level:
        return node.module or ""
    package = source.module.split(".")
    up = node.level - (source.path.name == "__init__.py")
    return ".".join(package[: len(package) - up] + ([node.module] if node.module else []))


def _module_of(target: str, modules: Collection[str]) -> str:
    """Return the module that a dotted name lies in: `millrace.types.Array` is of `millrace.types`, `millrace.Entity` of `millrace`.

    A module that does not exist is still of its unit: `millrace.stores.nowhere.x` is of `millrace.stores`.
    """
    shortest = 1 if target.count(".") > 1 else 0
    while target not in modules and target.count(".") > shortest:
        target = target.rpartition(".")[0]
    return target


def dotted_uses(source: Source) -> Iterator[tuple[str, int]]:
    """Yield every name used, in full and with its line: `np.random.seed` as `numpy.random.seed`, a built-in as itself.

    What hangs on something that was not imported keeps only what follows the first dot: `path.read_text` is `.read_text`.
    """
    imported = _imported(source.tree)
    inner = {node.value for node in ast.walk(source.tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Name | ast.Attribute) and node not in inner:
            first, *rest = _chain(node)
            yield ".".join([imported.get(first, "" if rest else first), *rest]), node.lineno


def _imported(tree: ast.Module) -> dict[str, str]:
    """Return what each name that an import binds stands for, in full."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            bound = [alias if alias.asname else ast.alias(alias.name.partition(".")[0]) for alias in node.names]
            found |= {alias.asname or alias.name: alias.name for alias in bound}  # `import os.path` binds `os`
        elif isinstance(node, ast.ImportFrom):
            found |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _chain(node: ast.expr) -> list[str]:
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return [node.id if isinstance(node, ast.Name) else "", *reversed(names)]


def expect_none(found: list[str]) -> None:
    """Fail with every finding on a line of its own, where pytest would show the first of the list."""
    assert not found, "\n".join(["", *found])
