"""Data that came with other packages: for tests of published figures, which skip with a reason where the package is not there."""

from importlib.util import find_spec
from pathlib import Path

import pytest


def data_of(package: str, path: str) -> Path:
    """Return a file of an installed package, which is not imported; skip the test where it is not installed."""
    found = find_spec(package)
    for folder in (found.submodule_search_locations or ()) if found else ():
        if (Path(folder) / path).is_file():
            return Path(folder) / path
    pytest.skip(f"{package} is not installed, which carries {path}: pip install --no-deps {package}")
