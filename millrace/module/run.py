"""Run a user's module: by import path, once per process as Python does; from a file, as the file stands now."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from millrace.errors import DeclarationError
from millrace.module.mistakes import refusal


def run(path: str) -> ModuleType:
    """Run the module at an import path (`shop.feed`) or in a file (`shop/feed.py`), and return it.

    A file is read anew each time, and so are the modules beside it that it imports; nothing is written.

    Raises:
        DeclarationError: There is no such module, or it cannot be run. The message names the line, what is wrong and the remedy.
    """
    if path.endswith(".py") and not Path(path).is_file():
        raise DeclarationError(f"there is no file {path}: give the module that declares the system")
    try:
        return _run_file(Path(path).resolve()) if path.endswith(".py") else _import(path)
    except Exception as error:
        raise refusal(error, path) from error


def _import(path: str) -> ModuleType:
    here = str(Path.cwd())
    if here not in sys.path:  # a console script starts without it
        sys.path.insert(0, here)
    return importlib.import_module(path)


def _run_file(file: Path) -> ModuleType:
    _forget()
    sys.meta_path.insert(0, Beside(file.parent))
    name = file.stem if file.stem not in sys.modules and file.stem not in sys.stdlib_module_names else f"{file.stem}_file"
    loader = FromSource(name, str(file))
    spec = importlib.util.spec_from_file_location(name, file, loader=loader)
    assert spec is not None, "a loader was given"
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        loader.exec_module(module)
    except BaseException:
        _forget()
        raise
    return module


def _forget() -> None:
    """Drop the modules that earlier files brought: another folder's module of the same name, or this one before it was edited."""
    for name, module in list(sys.modules.items()):
        if _is_from_source(module):
            del sys.modules[name]
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, Beside)]


class FromSource(SourceFileLoader):
    """Compiles a module's source each time: Python's cache lies beside it, and cannot tell two edits within one second."""

    def get_code(self, fullname: str) -> CodeType:
        """Return the code of the source as it stands."""
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


class Beside(MetaPathFinder):
    """Finds the modules and packages that lie beside a user's file, before any installed one of the same name.

    Args:
        folder: The file's.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return how to load a module of the folder, or of a package found there; None for any other."""
        package = fullname.rpartition(".")[0]
        # A module of Python's own stays what it is for all who import it later.
        if fullname in sys.stdlib_module_names or (package and not _is_from_source(sys.modules.get(package))):
            return None
        for folder in path or [self._folder]:
            spec = FileFinder(folder, (FromSource, SOURCE_SUFFIXES)).find_spec(fullname)
            if spec is not None and spec.loader is not None:
                return spec
        return None


def _is_from_source(module: ModuleType | None) -> bool:
    return isinstance(getattr(module, "__loader__", None), FromSource)
