"""Which files a user has written: theirs are the lines an error names, and the bindings that give declarations their names."""

from __future__ import annotations

import importlib.util
import sysconfig
from dataclasses import dataclass
from pathlib import Path

_HOUSE = Path(__file__).resolve().parents[1]
_SYSTEMS = _HOUSE / "systems"
_PYTHON = Path(sysconfig.get_path("stdlib"))
_INSTALLED = {"site-packages", "dist-packages"}


@dataclass(frozen=True)
class Ground:
    """The files of a user.

    Attributes:
        folder: Where the module that was asked for lies, or its top-level package: all below is the user's, even when it is installed.
    """

    folder: Path

    @classmethod
    def of(cls, path: str) -> Ground:
        """Return the ground of a module: an import path or a file. It need not be importable."""
        if path.endswith(".py"):
            return cls(Path(path).resolve().parent)
        top = path.partition(".")[0]
        spec = importlib.util.find_spec(top) if top.isidentifier() else None
        if spec is None or spec.origin is None:
            return cls(Path.cwd())
        return cls(_SYSTEMS if top == _HOUSE.name else Path(spec.origin).resolve().parent)

    def holds(self, file: str) -> bool:
        """Whether a file is the user's own: not Python's, not an installed package's, not ours (the reference systems apart)."""
        path = Path(file).resolve()
        if file.startswith("<") or (path.is_relative_to(_HOUSE) and not path.is_relative_to(_SYSTEMS)):
            return False
        if path.is_relative_to(self.folder):
            return not _INSTALLED & set(path.relative_to(self.folder).parts)
        return not (path.is_relative_to(_PYTHON) or _INSTALLED & set(path.parts))
