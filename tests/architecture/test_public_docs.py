"""Everything public says what it is, in a first line that is a sentence."""

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.source import Sources, expect_none, plant

Function = ast.FunctionDef | ast.AsyncFunctionDef
Documented = ast.Module | ast.ClassDef | Function


def undocumented(sources: Sources) -> list[str]:
    """Return every public module, class, function and method whose docstring is missing or does not begin with a sentence."""
    return [
        f"{source.path}:{getattr(node, 'lineno', 1)}: {name} {fault}"
        for source in sources.values()
        if not any(part.startswith("_") for part in source.module.split("."))
        for name, node in _public(source.module, source.tree)
        for fault in [_fault(node)]
        if fault
    ]


def _public(name: str, node: Documented) -> Iterator[tuple[str, Documented]]:
    if node.body:  # an empty __init__ only makes a folder a package
        yield name, node
    for inner in [] if isinstance(node, Function) else node.body:
        if isinstance(inner, ast.ClassDef | Function) and not inner.name.startswith("_") and not _is_echo(inner):
            yield from _public(f"{name}.{inner.name}", inner)


def _is_echo(node: ast.ClassDef | Function) -> bool:
    """Return whether the same name is documented elsewhere: an overload, a property's setter, an override marked so."""
    marks = {ast.unparse(mark).rpartition(".")[2] for mark in node.decorator_list}
    return bool(marks & {"overload", "setter", "deleter", "override"})


def _fault(node: Documented) -> str:
    text = ast.get_docstring(node)
    if not text:
        return "has no docstring"
    first = text.splitlines()[0]
    return "" if first.endswith((".", "?")) else f"does not begin with a sentence on one line: {first!r}"


def test_everything_public_is_documented(house):
    expect_none(undocumented(house))


@pytest.mark.parametrize(
    "text",
    [
        "x = 1",
        '"""No full stop"""',
        '"""Good."""\nclass Undocumented: ...',
        '"""Good."""\ndef undocumented(): ...',
        '"""Good."""\nclass Good:\n    """Good."""\n    def undocumented(self): ...',
        '"""Good."""\nasync def breaks():\n    """Begins on one line and\n    ends on the next."""',
    ],
)
def test_planted_silence_is_found(tmp_path, text):
    assert len(undocumented(plant(tmp_path, {"log/read.py": text}))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        '"""Good."""\ndef _private(): ...\nclass _Private:\n    def inner(self): ...',
        '"""Good."""\nclass Good:\n    """Good."""\n    def __len__(self): ...\n    @size.setter\n    def size(self, value): ...',
        '"""Good."""\ndef good():\n    """Good."""\n    def inner(): ...',
    ],
)
def test_lawful_file_is_accepted(tmp_path, text):
    assert undocumented(plant(tmp_path, {"log/read.py": text})) == []
