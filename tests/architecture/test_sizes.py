"""A file is one idea and a function one thought: neither may grow past what is read in one go."""

import ast

import pytest

from tests.architecture.source import Sources, expect_none, plant

FILE_LINES = 450
FUNCTION_LINES = 70


def oversized(sources: Sources) -> list[str]:
    """Return every file and function longer than the house allows, in lines from first to last."""
    return [
        f"{source.path}:{line}: {name} has {length} lines, {allowed} are allowed"
        for source in sources.values()
        for name, line, length, allowed in [
            ("the file", 1, source.lines, FILE_LINES),
            *(
                (node.name, node.lineno, (node.end_lineno or node.lineno) - node.lineno + 1, FUNCTION_LINES)
                for node in ast.walk(source.tree)
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            ),
        ]
        if length > allowed
    ]


def test_no_file_and_no_function_is_too_long(house):
    expect_none(oversized(house))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("x = 1\n" * FILE_LINES, 0),
        ("x = 1\n" * (FILE_LINES + 1), 1),
        ("def f():\n" + "    x = 1\n" * (FUNCTION_LINES - 1), 0),
        ("class C:\n    async def f():\n" + "        x = 1\n" * FUNCTION_LINES, 1),
    ],
)
def test_planted_length_is_found(tmp_path, text, found):
    assert len(oversized(plant(tmp_path, {"log/read.py": text}))) == found
