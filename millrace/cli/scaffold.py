"""`millrace new`: the module of a small system that runs, to be changed into one's own."""

from __future__ import annotations

import ast
import keyword
import sys
from pathlib import Path

from millrace.errors import BadInput, Conflict

KINDS = {"rank": "chooses items for a user", "score": "lets orders through, or not"}
"""What a new system can be, and what the one written does."""

_TEMPLATES = Path(__file__).parent / "templates"


def scaffold(name: str, kind: str, folder: Path) -> list[str]:
    """Write `name.py` into a folder and return what to tell the user: what it is, and the next three commands.

    Args:
        name: What the system and its module are called.
        kind: One of `KINDS`.
        folder: Where.

    Raises:
        BadInput: The name cannot name a module, or hides something the module uses; or there is no such kind.
        Conflict: There is such a file already.
    """
    if kind not in KINDS:
        raise BadInput(f"--kind {kind}: choose {' or '.join(KINDS)}", field="kind")
    _refuse_unfit(name)
    text = (_TEMPLATES / f"{kind}.template").read_text(encoding="utf-8").replace("NAME", name)
    if _bound(text).count(name) > 1:
        raise BadInput(f"{name} is a name the module itself uses: call the system something else, such as {name}s_feed", field="name")
    path = folder / f"{name}.py"
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise Conflict(f"there is a {path.name} here already: choose another name, or remove it first") from None
    return [
        f"{path.name} declares {name}: it {KINDS[kind]}. Make it yours; then",
        f"  millrace check {path.name}    what it declares",
        f"  millrace serve {path.name}    decide, and take in events, over HTTP",
        f"  millrace train {path.name}    learn from what was decided and what came of it",
    ]


def _refuse_unfit(name: str) -> None:
    if keyword.iskeyword(name):
        raise BadInput(f"{name!r} cannot name a module, as Python keeps the word for itself: choose another", field="name")
    if not name.isidentifier() or name.startswith("_"):
        raise BadInput(f"{name!r} cannot name a module: use letters, digits and _, beginning with a letter", field="name")
    if name in sys.stdlib_module_names or name == "millrace":
        raise BadInput(f"there is a module {name} already, which a file {name}.py would hide: call the system something else", field="name")


def _bound(text: str) -> list[str]:
    """Return the names that a module binds at its top, as often as it binds them."""
    found: list[str] = []
    for node in ast.parse(text).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            found += [alias.asname or alias.name for alias in node.names]
        elif isinstance(node, ast.Assign):
            found += [target.id for target in node.targets if isinstance(target, ast.Name)]
        elif isinstance(node, ast.ClassDef | ast.FunctionDef):
            found.append(node.name)
    return found
