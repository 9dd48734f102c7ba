"""The fingerprint of a user's function: its body and the helpers it calls. What it cannot vouch for is refused."""

from __future__ import annotations

import ast
import dis
import inspect
import textwrap
import types
from collections.abc import Callable
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import numpy as np

from millrace.errors import DeclarationError


@lru_cache(maxsize=4096)
def fingerprint(function: Callable[..., Any], needs: tuple[str, ...] = ()) -> str:
    """Return 10 hex digits that change when the function's code, a helper it calls, or what it needs changes.

    Comments, docstrings and layout do not count. Modules, classes and what is numpy's are trusted by name.

    Raises:
        DeclarationError: Its code cannot be read, or it depends on a value that could change unseen: a global that is neither a
            function, a class nor a module, or a default that is not a plain constant.
    """
    digest = blake2b(digest_size=5)
    _absorb(function, digest, set())
    for need in needs:
        digest.update(need.encode())
    return digest.hexdigest()


def _absorb(function: Any, digest: Any, seen: set[Any]) -> None:
    if function in seen:
        return
    seen.add(function)
    tree = _definition(function)
    tree.decorator_list = []
    tree.returns = None
    for argument in (node for node in ast.walk(tree) if isinstance(node, ast.arg)):
        argument.annotation = None  # what is read is declared in OnDemand.parameters
    if ast.get_docstring(tree) is not None:
        tree.body = tree.body[1:]
    digest.update(ast.dump(tree, annotate_fields=False).encode())
    _absorb_defaults(function, digest)
    for name, value in sorted(_globals_of(function).items()):
        if inspect.isfunction(value) and not _is_numpy(value):
            _absorb(value, digest, seen)
        elif isinstance(value, types.ModuleType | type) or inspect.isbuiltin(value) or _is_numpy(value):
            digest.update(f"{name}={value.__name__}".encode())
        else:
            raise DeclarationError(
                f"{function.__name__}() reads the global {name!r}, whose value is not part of its code: "
                f"make it a constant inside the function or a function of its own"
            )


def _absorb_defaults(function: Any, digest: Any) -> None:
    for value in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
        if not isinstance(value, int | float | str | None):
            raise DeclarationError(
                f"{function.__name__}() has the default {value!r}, which is not a plain constant: pass it as an argument"
            )
        digest.update(repr(value).encode())


def _is_numpy(value: Any) -> bool:
    return isinstance(value, np.ufunc) or (callable(value) and (getattr(value, "__module__", None) or "").partition(".")[0] == "numpy")


def _definition(function: Callable[..., Any]) -> ast.FunctionDef:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    except (OSError, SyntaxError):
        tree = None  # typed at a prompt, or a lambda in the middle of an expression
    if not isinstance(tree, ast.FunctionDef):
        raise DeclarationError(
            f"{function.__name__} is not written with def in a file: its code cannot be read on its own; write it as a function"
        )
    return tree


def _globals_of(function: Any) -> dict[str, Any]:
    names = _global_names(function.__code__)
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
    read = {name: value for name, value in function.__globals__.items() if name in names}
    return read | {name: cell.cell_contents for name, cell in cells.items()}


def _global_names(code: types.CodeType) -> set[str]:
    """Return the globals that compiled code reads, the functions inside it too; a local of the same name is none."""
    names = {step.argval for step in dis.get_instructions(code) if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    return names.union(*(_global_names(inner) for inner in code.co_consts if isinstance(inner, types.CodeType)))
