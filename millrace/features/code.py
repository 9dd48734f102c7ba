"""The fingerprint of a user's function: its body and the helpers it calls. What it cannot vouch for is refused."""

from __future__ import annotations

import ast
import inspect
import textwrap
import types
from collections.abc import Callable
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from millrace.errors import DeclarationError


@lru_cache(maxsize=4096)
def fingerprint(function: Callable[..., Any], needs: tuple[str, ...] = ()) -> str:
    """Return 10 hex digits that change when the function's code, a helper it calls, or what it needs changes.

    Comments, docstrings and layout do not count. Modules (such as numpy) are trusted by name.

    Raises:
        DeclarationError: It reads a global that is neither a function, a class nor a module: its value could change unseen.
    """
    digest = blake2b(digest_size=5)
    _absorb(function, digest, set())
    for need in needs:
        digest.update(need.encode())
    return digest.hexdigest()


def _absorb(function: Callable[..., Any], digest: Any, seen: set[Any]) -> None:
    if function in seen:
        return
    seen.add(function)
    tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    if not isinstance(tree, ast.FunctionDef):
        raise DeclarationError(f"{function.__name__} is not written with def: its code cannot be read on its own; write it as a function")
    tree.decorator_list = []
    tree.returns = None
    for argument in (node for node in ast.walk(tree) if isinstance(node, ast.arg)):
        argument.annotation = None  # what is read is declared in OnDemand.parameters
    if ast.get_docstring(tree) is not None:
        tree.body = tree.body[1:]
    digest.update(ast.dump(tree, annotate_fields=False).encode())
    for name, value in sorted(_globals_of(function, tree).items()):
        if inspect.isfunction(value):
            _absorb(value, digest, seen)
        elif isinstance(value, types.ModuleType | type) or inspect.isbuiltin(value):
            digest.update(f"{name}={value.__name__}".encode())
        else:
            raise DeclarationError(
                f"{function.__name__}() reads the global {name!r}, whose value is not part of its code: "
                f"make it a constant inside the function or a function of its own"
            )


def _globals_of(function: Callable[..., Any], tree: ast.AST) -> dict[str, Any]:
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    own = set(inspect.signature(function).parameters)
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))  # type: ignore[attr-defined]
    read = {name: value for name, value in function.__globals__.items() if name in names - own}  # type: ignore[attr-defined]
    return read | {name: cell.cell_contents for name, cell in cells.items()}
