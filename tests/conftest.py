"""What every test shares: quiet threads, no deadlines on a shared machine, and skips that say what is missing."""

import os
import shutil
from pathlib import Path

# Before NumPy, LightGBM or DuckDB start their pools: the workers of the run share the cores already.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import settings

settings.register_profile("house", deadline=None, print_blob=True)
settings.load_profile("house")


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave alone what lies beside the tests: oracles need no doctests, and modules that are wrong on purpose must not be imported."""
    beside = collection_path.suffix == ".py" and collection_path.is_relative_to(Path(__file__).parent)
    return True if beside and not collection_path.name.startswith("test_") else None


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the path of the system's Chromium, for tests marked `browser`; skip the test where there is none."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not found:
        pytest.skip("no Chromium on this machine: install the system package `chromium`")
    return found
