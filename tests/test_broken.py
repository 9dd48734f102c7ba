"""Wrong modules, each refused in one sentence: the one in its docstring, word for word."""

import ast
from pathlib import Path

import pytest

from millrace.errors import DeclarationError
from millrace.loading import load

BROKEN = Path(__file__).parent / "broken"
RIGHT = {"video.py", "payments.py", "shop.py"}
"""What the wrong modules import: their entities and events."""

CASES = sorted(path for path in BROKEN.rglob("*.py") if path.name not in RIGHT)


@pytest.mark.parametrize("path", CASES, ids=[path.stem for path in CASES])
def test_a_wrong_module_is_refused_in_the_sentence_it_states(path):
    said = ast.get_docstring(ast.parse(path.read_text()))
    with pytest.raises(DeclarationError) as refused:
        load(str(path))
    assert str(refused.value) == said.strip()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(
            "from millrace import Entity\n\nclass Viewer(Entity)\n    country: str\n",
            "feed.py:3: Python cannot read this line (expected ':'): correct it",
            id="a colon is missing",
        ),
        pytest.param(
            "from .video import Watch\n",
            "feed.py:1: a relative import needs the package around it: load the module by its import path (a dotted name), "
            "not as the file {path}",
            id="a part of a package is loaded as a file",
        ),
        pytest.param(
            "from millrace import count\n\n\ndef plays(over):\n    return over[1]\n\n\nhour = plays([])\n",
            "feed.py:5: hour: IndexError: list index out of range",
            id="a helper of the user's fails",
        ),
        pytest.param(
            "from __future__ import annotations\n\nfrom millrace import Event, Ref\n\n\nclass Watch(Event):\n    viewer: Ref[Viewer]\n",
            "feed.py:6: Watch: name 'Viewer' is not defined: define what its fields refer to, or import it",
            id="an annotation names nothing",
        ),
    ],
)
def test_a_module_that_cannot_be_run_is_refused_with_its_line(tmp_path, text, said):
    path = tmp_path / "feed.py"
    path.write_text(text)
    with pytest.raises(DeclarationError) as refused:
        load(str(path))
    assert str(refused.value) == said.format(path=path)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("nowhere/feed.py", "there is no file nowhere/feed.py: give the module that declares the system"),
        (
            "no_such_shop.feed",
            "there is no module no_such_shop.feed: give a file such as shop/feed.py, or an import path such as shop.feed",
        ),
        ("shop/feed", "there is no module shop/feed: give a file such as shop/feed.py, or an import path such as shop.feed"),
        (
            "millrace.systems.none",
            "there is no module millrace.systems.none: give a file such as shop/feed.py, or an import path such as shop.feed",
        ),
        ("", "there is no module : give a file such as shop/feed.py, or an import path such as shop.feed"),
    ],
)
def test_a_module_that_is_not_there_is_refused_with_what_to_give(path, said):
    with pytest.raises(DeclarationError) as refused:
        load(path)
    assert str(refused.value) == said
