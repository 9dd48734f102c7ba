"""The middle of the house is pure: no clock, no chance but what is passed in, no input or output, no state that outlives a call."""

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.source import PACKAGE, Source, Sources, dotted_uses, expect_none, plant

# Time is data below these: only they may ask what time it is.
TELL_TIME = {"operate", "serve", "demo", "cli", "__main__", "adapters"}
CLOCKS = ("time.", "datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today", "datetime.date.today")

# Randomness comes from a generator made of a seed that was passed in; these draw from one that all share.
SHARED_CHANCE = ("random.", "secrets.", "uuid.uuid1", "uuid.uuid4", "os.urandom", "numpy.random.")
SEEDED_BY_ARGUMENT = ("default_rng", "SeedSequence", "Philox", "PCG64")
SEEDED = tuple(f"numpy.random.{name}" for name in ("Generator", *SEEDED_BY_ARGUMENT))

# Shows that nothing depends on what is shared, by moving it: a law reseeds the generators otherwise before each of its calls.
MOVES_WHAT_IS_SHARED = {"millrace/testing/disturbance.py"}

# A key that could be made again from a seed would protect nothing.
MAKES_KEYS = {"millrace/log/keys.py"}

PURE = {"errors", "types", "expressions", "schema", "decision", "features", "models", "policy"}
PURE |= {"evaluation", "training", "experiments", "monitors", "governance"}
STATELESS = PURE - {"schema"}  # a field of a class is one object however often it is read: the schema keeps them

INPUT_OUTPUT = ("os.environ", "os.getenv", "os.listdir", "os.remove", "os.path.", "shutil.", "tempfile.", "glob.", "logging.")
INPUT_OUTPUT += ("sqlite3.", "socket.", "subprocess.", "urllib.", "http.")
INPUT_OUTPUT += ("numpy.save", "numpy.load", "numpy.fromfile", "pyarrow.parquet.")
BUILT_IN = {"open", "print", "input"}
PATH_METHODS = {"open", "read_text", "write_text", "read_bytes", "write_bytes", "mkdir", "unlink", "rmdir", "iterdir", "rglob", "touch"}

# A version is a folder of files: the one place of the middle that reads and writes.
FILES_THAT_SAVE = {"millrace/models/folder.py"}

FILLED_LATER = {"defaultdict", "deque", "Counter", "OrderedDict", "WeakKeyDictionary", "WeakValueDictionary"}


def clocks_and_shared_chance(sources: Sources) -> list[str]:
    """Return every use of a clock, or of randomness nobody passed in, below the units that may tell the time."""
    return [
        f"{source.path}:{line}: {name} (pass the instant, or a seeded generator, as an argument)"
        for source in sources.values()
        if source.unit not in TELL_TIME and source.path.as_posix() not in MOVES_WHAT_IS_SHARED | MAKES_KEYS
        for name, line in [*dotted_uses(source), *_unseeded(source)]
        if name.startswith(CLOCKS) or (name.startswith(SHARED_CHANCE) and not name.startswith(SEEDED)) or name.endswith("()")
    ]


def _unseeded(source: Source) -> Iterator[tuple[str, int]]:
    for node in ast.walk(source.tree):
        match node:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=[], keywords=[]) if name in SEEDED_BY_ARGUMENT:
                yield f"{name}()", node.lineno


def input_and_output(sources: Sources) -> list[str]:
    """Return every place of the middle that reads or writes files, streams, the environment or the network."""
    return [
        f"{source.path}:{line}: {name} (the middle is handed its data: read and write outside it)"
        for source in sources.values()
        if source.unit in PURE and source.path.as_posix() not in FILES_THAT_SAVE
        for name, line in dotted_uses(source)
        if name.startswith(INPUT_OUTPUT) or name in BUILT_IN or _is_path_method(name)
    ]


def _is_path_method(name: str) -> bool:
    owner, dot, method = name.rpartition(".")
    return bool(dot) and method in PATH_METHODS and not owner.startswith(PACKAGE)


def lasting_state(sources: Sources) -> list[str]:
    """Return what in the middle outlives a call: a `global` statement, or an empty collection kept by a module or a class."""
    return [
        f"{source.path}:{line}: state that outlives a call (pass it in, or return it)"
        for source in sources.values()
        if source.unit in STATELESS
        for line in _kept(source)
    ]


def _kept(source: Source) -> Iterator[int]:
    for node in ast.walk(source.tree):
        match node:
            case ast.Global():
                yield node.lineno
            case ast.Module():
                yield from (kept.lineno for kept in node.body if isinstance(kept, ast.Assign | ast.AnnAssign) and _is_empty(kept.value))
            case ast.ClassDef():  # an annotated default is a field of a record, or refused by ruff's RUF012
                yield from (kept.lineno for kept in node.body if isinstance(kept, ast.Assign) and _is_empty(kept.value))


def _is_empty(value: ast.expr | None) -> bool:
    match value:
        case ast.Dict(keys=[]) | ast.List(elts=[]) | ast.Call(func=ast.Name(id="dict" | "list" | "set"), args=[]):
            return True
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name in FILLED_LATER
    return False


@pytest.mark.parametrize("law", [clocks_and_shared_chance, input_and_output, lasting_state])
def test_the_house_keeps_the_law(house, law):
    expect_none(law(house))


@pytest.mark.parametrize(
    ("law", "file", "text"),
    [
        (clocks_and_shared_chance, "features/window.py", "import time\ndef now(): return time.time()"),
        (clocks_and_shared_chance, "features/window.py", "from time import perf_counter as tick\ntick()"),
        (clocks_and_shared_chance, "log/inbox.py", "from datetime import datetime\nat = datetime.now()"),
        (clocks_and_shared_chance, "policy/top.py", "import numpy as np\nnp.random.rand()"),
        (clocks_and_shared_chance, "policy/top.py", "import numpy as np\nrng = np.random.default_rng()"),
        (clocks_and_shared_chance, "worlds/feed.py", "import random\nrandom.random()"),
        (input_and_output, "features/offline.py", "def rows(path): return open(path)"),
        (input_and_output, "training/split.py", "import os\nroot = os.environ['HOME']"),
        (input_and_output, "models/als.py", "def save(folder): (folder / 'x').write_text('')"),
        (input_and_output, "policy/top.py", "print('here')"),
        (lasting_state, "features/online.py", "cache = {}"),
        (lasting_state, "features/online.py", "class Online:\n    seen = []"),
        (lasting_state, "policy/top.py", "count = 0\ndef up():\n    global count\n    count += 1"),
        (lasting_state, "monitors/drift.py", "from collections import defaultdict\nseen = defaultdict(list)"),
    ],
)
def test_planted_impurity_is_found(tmp_path, law, file, text):
    assert len(law(plant(tmp_path, {file: text}))) == 1


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("serve/app.py", "import time\ntime.monotonic()\nprint('listening')\nopen_now = {}"),
        ("policy/top.py", "import numpy as np\ndef draw(seed: int) -> np.random.Generator: return np.random.default_rng(seed)"),
        ("models/folder.py", "def read(path): return path.read_text()"),
        ("features/window.py", "def first(time, random): return time.min(), random.integers(2)"),
        ("features/window.py", "UNITS = {'d': 1}\ndef local():\n    seen = {}\n    return seen"),
    ],
)
def test_lawful_file_is_accepted(tmp_path, file, text):
    sources = plant(tmp_path, {file: text})
    assert [found for law in (clocks_and_shared_chance, input_and_output, lasting_state) for found in law(sources)] == []
