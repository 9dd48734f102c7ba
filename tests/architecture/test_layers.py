"""Who may import whom: the table of the house, and every import of the package read against it, lazy and typing-only ones too."""

from graphlib import CycleError, TopologicalSorter

import pytest

from tests.architecture.source import PACKAGE, Sources, expect_none, house_imports, plant, unit_of

# From the ground up. A unit (a file or a folder of the package) may import itself and all that stands before it ...
ORDER = [
    "about",
    "errors",
    "types",
    "annotations",
    "expressions",
    "schema",
    "decision",  # the contract ends here
    "log",
    "features",
    "models",
    "policy",  # what makes a decision ends here
    "evaluation",
    "monitors",  # below training: a version carries the profile that its monitors compare with
    "training",
    "experiments",
    "guards",  # what learns from decisions ends here
    "governance",
    "stores",
    "walk",
    "system",
    "loaded",
    "module",
    "checks",
    "loading",  # a user's module is read, named, checked and planned here
    "serve",  # the engine: what it serves, the loop above it operates
    "operate",
    "planning",
    "demo",
    "cli",
    "adapters",  # chosen by URL and imported by name on use, so by nobody's statement
]

# ... except these: what learns from decisions never knows what makes them, and few know where things are stored.
NEVER = {
    "evaluation": {"policy"},
    "training": {"policy"},
    "experiments": {"policy"},
    "guards": {"policy"},
    "monitors": {"policy"},
}
KNOW_STORES = {"operate", "serve", "demo", "cli", "adapters"}

CONTRACT = {"errors", "types", "annotations", "expressions", "schema", "decision"}
DECLARED = {"features", "models", "policy", "training", "experiments", "guards", "monitors", "system"}

# Apart from the order: these may import what is listed, and nothing in the order may import them.
APART = {
    PACKAGE: {"about"} | CONTRACT | DECLARED,  # the root: the names a user's module is written in
    "__main__": {"cli"},
    "testing": set(ORDER[: ORDER.index("demo")]),
    "datasets": {"errors", "types", "schema", "log"},
    "worlds": {"errors", "types"},
    "systems": {PACKAGE},
}

# The command line shows the house at work, so it alone may also start worlds and read data sets.
BESIDES = {"cli": {"worlds", "datasets"}, "demo": {"worlds"}}


def may_import(unit: str) -> set[str]:
    """Return the units that a unit may import, besides itself."""
    if unit in APART:
        return APART[unit]
    never = NEVER.get(unit, set()) | (set() if unit in KNOW_STORES else {"stores"})
    return set(ORDER[: ORDER.index(unit)]) - never | BESIDES.get(unit, set())


def strangers(sources: Sources) -> list[str]:
    """Return the units that the table does not know, with the remedy."""
    units = {source.unit for source in sources.values()} - set(ORDER) - set(APART)
    return [f"{PACKAGE}/{unit} is not in the table of tests/architecture/test_layers.py: give it a place there" for unit in sorted(units)]


def forbidden_imports(sources: Sources) -> list[str]:
    """Return every import that the table forbids."""
    return [
        f"{source.path}:{line}: {source.unit} may not import {target} ({_why(source.unit, unit_of(target))})"
        for source in sources.values()
        if source.unit in {*ORDER, *APART}
        for target, line in house_imports(source, sources)
        if unit_of(target) not in {source.unit, *may_import(source.unit)}
    ]


def _why(unit: str, target: str) -> str:
    if unit == "systems":
        return "a system is written in the names of the root alone"
    if target == PACKAGE:
        return "the root is for users: import from the file that holds the thing"
    if target == "adapters":
        return "an adapter is chosen by its URL and imported by that name"
    if unit in ORDER and target in ORDER and ORDER.index(target) > ORDER.index(unit):
        return "it stands above"
    return "its row of the table does not hold it"


def import_cycle(sources: Sources) -> list[str]:
    """Return one ring of files that import each other, or nothing; an import inside a function closes a ring like any other."""
    graph = {source.module: {target for target, _ in house_imports(source, sources)} for source in sources.values()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def test_every_part_of_the_package_has_its_place_in_the_table(house):
    expect_none(strangers(house))


def test_no_file_imports_what_its_layer_may_not(house):
    expect_none(forbidden_imports(house))


def test_no_files_import_each_other_in_a_ring(house):
    expect_none(import_cycle(house))


GROUND = {
    "__init__.py": "",
    "errors.py": "",
    "types.py": "from millrace.errors import X",
    "log/__init__.py": "",
    "log/inbox.py": "",
    "policy/__init__.py": "",
    "policy/pipeline.py": "",
    "stores/__init__.py": "",
    "stores/registry.py": "",
    "training/__init__.py": "",
    "adapters/redis.py": "",
    "serve/__init__.py": "",
    "serve/app.py": "import millrace.stores.registry",
    "worlds/feed.py": "from millrace.types import Array",
    "systems/__init__.py": "",
    "systems/video.py": "import millrace",
    "systems/feed.py": "from millrace import Entity\nfrom millrace.systems.video import Watch",
}


def test_a_lawful_tree_is_accepted(tmp_path):
    sources = plant(tmp_path, GROUND)
    assert (strangers(sources), forbidden_imports(sources), import_cycle(sources)) == ([], [], [])


@pytest.mark.parametrize(
    ("file", "text"),
    [
        pytest.param("log/read.py", "from millrace.policy.pipeline import Pipeline", id="up the layers"),
        pytest.param("log/read.py", "from millrace.policy import pipeline", id="a file taken from its package"),
        pytest.param("log/read.py", "from ..policy.pipeline import Pipeline", id="relative"),
        pytest.param("log/read.py", "from .. import policy", id="a package, relative"),
        pytest.param("log/__init__.py", "from ..policy import pipeline", id="relative, from a package's own file"),
        pytest.param("log/read.py", "def read():\n    import millrace.policy.pipeline", id="inside a function"),
        pytest.param("log/read.py", "if TYPE_CHECKING:\n    from millrace.policy.pipeline import Pipeline", id="for types only"),
        pytest.param("log/read.py", "import importlib\nimportlib.import_module('millrace.policy.pipeline')", id="by name"),
        pytest.param("log/read.py", "import millrace", id="the root, from within"),
        pytest.param("errors.py", "from millrace.types import Array", id="the ground knows nothing"),
        pytest.param("policy/chooser.py", "import millrace.training", id="the deciding half knows the learning half"),
        pytest.param("training/fit.py", "import millrace.policy", id="the learning half knows the deciding half"),
        pytest.param("policy/sources.py", "import millrace.stores", id="stores from the middle"),
        pytest.param("planning/cost.py", "import millrace.stores", id="stores from what is not their owner"),
        pytest.param("serve/online.py", "import millrace.adapters.redis", id="an adapter by statement"),
        pytest.param("worlds/fraud.py", "from millrace.systems.feed import feed", id="a world knows a system"),
        pytest.param("worlds/fraud.py", "import millrace.serve.app", id="a world knows the server"),
        pytest.param("systems/fraud.py", "from millrace.policy.pipeline import Pipeline", id="a system reaches past the root"),
        pytest.param("systems/fraud.py", "from millrace import policy", id="a system takes a package from the root"),
        pytest.param("serve/feed.py", "import millrace.systems.feed", id="the house knows a reference system"),
        pytest.param("__init__.py", "import millrace.serve.app", id="the root starts the server"),
    ],
)
def test_planted_import_is_found(tmp_path, file, text):
    assert len(forbidden_imports(plant(tmp_path, GROUND | {file: text}))) == 1


def test_planted_ring_through_a_lazy_import_is_found(tmp_path):
    ring = {"log/inbox.py": "import millrace.log.lake", "log/lake.py": "def compact():\n    from millrace.log.inbox import Inbox"}
    sources = plant(tmp_path, GROUND | ring)
    assert forbidden_imports(sources) == []
    assert set(import_cycle(sources)) == {"millrace.log.inbox", "millrace.log.lake"}


def test_planted_stranger_is_found(tmp_path):
    assert len(strangers(plant(tmp_path, GROUND | {"utils.py": ""}))) == 1
