"""Why a user's module cannot be run, whatever was raised in it: the line, the declaration, the rule and the remedy in one sentence."""

from __future__ import annotations

import ast
import inspect
import re
import sys
import traceback
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from millrace.errors import DeclarationError
from millrace.module.bindings import assigned, first_line
from millrace.module.ground import Ground

_NO_NAME = re.compile(r"cannot import name '(\w+)' from (?:partially initialized module )?'([\w.]+)'")
_NO_ARGUMENT = re.compile(r"^(\w+)(?:\.__init__)?\(\) got an unexpected keyword argument '(\w+)'")


def refusal(error: Exception, path: str) -> DeclarationError:
    """Return what a user reads when the module at `path` raised an error: `file:line: binding: rule; remedy`.

    Args:
        error: What was raised, with its traceback.
        path: The import path or file that was asked for.
    """
    if isinstance(error, SyntaxError):
        where = f"{Path(error.filename).name}:{error.lineno}" if error.filename else path
        return DeclarationError(f"{where}: Python cannot read this line ({error.msg}): correct it")
    where = _where(error, path)
    if not where and not isinstance(error, DeclarationError):  # nothing of the user's was run
        return DeclarationError(f"there is no module {path}: give a file such as shop/feed.py, or an import path such as shop.feed")
    return DeclarationError(f"{where or Path(path).name}: {_sentence(error, path)}")


def _sentence(error: Exception, path: str) -> str:
    if isinstance(error, DeclarationError):
        return str(error)
    if isinstance(error, ModuleNotFoundError):
        return f"there is no module {error.name}: install it, correct its name, or run from the folder that holds it"
    if isinstance(error, ImportError):
        return _import_sentence(error, path)
    if isinstance(error, NameError):
        return f"{error}: {_did_you_mean(error.name or '', _in_sight(error)) or 'define it above, or import it'}"
    if isinstance(error, TypeError | AttributeError):  # these speak of the declaration in whole sentences
        return _argument_sentence(error) or str(error).replace(".__init__()", "()")
    return f"{type(error).__name__}: {error}"


def _import_sentence(error: ImportError, path: str) -> str:
    if "relative import" in str(error):
        return f"a relative import needs the package around it: load the module by its import path (a dotted name), not as the file {path}"
    found = _NO_NAME.match(str(error))
    if found is None:
        return str(error)
    name, module = found.groups()
    there = list(vars(sys.modules[module])) if module in sys.modules else []
    return f"{module} has no {name}: {_did_you_mean(name, there) or 'correct the name'}"


def _argument_sentence(error: Exception) -> str:
    """Return what arguments there are, where one was given that there is not; "" for any other error."""
    found = _NO_ARGUMENT.match(str(error))
    called = next((names[found[1]] for names in _globals(error) if callable(names.get(found[1]))), None) if found else None
    if found is None or called is None:
        return ""
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    there = [name for name, one in inspect.signature(called).parameters.items() if one.kind in kinds]
    takes = f"it takes {', '.join(there)}" if there else "it takes none"
    return f"{found[1]}() has no argument {found[2]}: {_did_you_mean(found[2], there) or takes}"


def _globals(error: Exception) -> list[dict[str, Any]]:
    return [frame.f_globals for frame, _ in traceback.walk_tb(error.__traceback__)]


def _did_you_mean(name: str, there: list[str]) -> str:
    near = get_close_matches(name, [one for one in there if not one.startswith("_")], n=1)
    return f"did you mean {near[0]}?" if near else ""


def _in_sight(error: Exception) -> list[str]:
    """Return the names that the line which raised an error could have used."""
    names: list[str] = []
    for frame, _ in traceback.walk_tb(error.__traceback__):
        names = [*frame.f_locals, *frame.f_globals]
    return names


def _where(error: Exception, path: str) -> str:
    """Return `file:line` of the user's last line that led to an error, and the name that its statement binds; "" if there is none."""
    ground = Ground.of(path)
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if ground.holds(frame.filename)]
    if not frames:
        return ""
    line = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}"
    statement = next(frame for frame in reversed(frames) if frame.name == "<module>")
    name = _bound_at(statement.filename, statement.lineno or 0)
    return f"{line}: {name}" if name else line


def _bound_at(file: str, line: int) -> str:
    """Return the names that the statement at a line of a module binds, "" for one that binds none."""
    for node in ast.parse(Path(file).read_text(encoding="utf-8")).body:
        if first_line(node) <= line <= (node.end_lineno or node.lineno):
            return ", ".join(assigned(node))
    return ""
