"""Nothing in the repository belongs to one machine, and nothing in the package runs what it loads."""

import ast
import re
import subprocess
from collections.abc import Iterator

import pytest

from tests.architecture.source import REPOSITORY, Source, Sources, dotted_uses, expect_none, plant

# Written so that the patterns do not find themselves.
HOME = re.compile(r"(?<![\w.~:-])/(?:work|home|root|Users|mnt)/\w")
INDEX = re.compile(r"index-ur[l]|find-link[s]|trusted-hos[t]|pythonhosted[.]org|pypi[.]org/simple|registry[.]npmjs")
OF_ONE_MACHINE = {"a path of one machine": HOME, "a setting of one package index": INDEX}

# What these load can hold code; a version, a snapshot or a request never does.
LOADS_CODE = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
RUNS_TEXT = {"eval", "exec", "compile", "os.system", "os.popen", "yaml.load", "torch.load"}


def tracked_lines() -> Iterator[tuple[str, str]]:
    """Yield (path:line, text) of every text file of the repository that git does not ignore."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=REPOSITORY, capture_output=True, text=True
    )
    if listed.returncode:
        pytest.skip("not a git checkout, or git is not installed: which files belong to the repository is unknown")
    for name in filter(None, listed.stdout.split("\0")):
        path = REPOSITORY / name
        if path.is_file():  # a deleted file is listed until the deletion is committed
            for number, line in enumerate(path.read_text(encoding="utf-8", errors="ignore").splitlines(), 1):
                yield f"{name}:{number}", line


def traces_of_a_machine(lines: Iterator[tuple[str, str]]) -> list[str]:
    """Return every line that names a path or a package index of the machine it was written on."""
    return [f"{where}: {what}: {line.strip()}" for where, line in lines for what, pattern in OF_ONE_MACHINE.items() if pattern.search(line)]


def unsafe_loads(sources: Sources) -> list[str]:
    """Return every place of the package that could run what it reads."""
    return [f"{source.path}:{line}: {what}" for source in sources.values() for what, line in _unsafe(source)]


def _unsafe(source: Source) -> Iterator[tuple[str, int]]:
    yield from ((name, line) for name, line in dotted_uses(source) if name in RUNS_TEXT)
    for node in ast.walk(source.tree):
        match node:
            case ast.Import():
                yield from ((alias.name, node.lineno) for alias in node.names if alias.name.partition(".")[0] in LOADS_CODE)
            case ast.ImportFrom(module=str(module)) if module.partition(".")[0] in LOADS_CODE:
                yield module, node.lineno
            case ast.keyword(arg="allow_pickle" | "shell" as setting, value=ast.Constant(True)):
                yield f"{setting}=True", node.value.lineno


def test_no_file_names_the_machine_it_was_written_on():
    expect_none(traces_of_a_machine(tracked_lines()))


def test_nothing_executable_is_loaded_as_data(house):
    expect_none(unsafe_loads(house))


@pytest.mark.parametrize(
    "line",
    [
        "data lies in /" + "home/ada/data",
        'root = "/' + 'work/main"',
        "pip install --extra-index" + "-url https://mirror.example/simple",
        "https://files.python" + "hosted.org/packages/x.whl",
    ],
)
def test_planted_trace_of_a_machine_is_found(line):
    assert len(traces_of_a_machine(iter([("README.md:1", line)]))) == 1


@pytest.mark.parametrize("line", ["https://example.org/home/page", "see ./work/out and ../home/x", "GET /v1/work", "/tmp/millrace"])
def test_lawful_line_is_accepted(line):
    assert traces_of_a_machine(iter([("README.md:1", line)])) == []


@pytest.mark.parametrize(
    "text",
    [
        "import pickle",
        "from joblib import load",
        "def f(text): return eval(text)",
        "import numpy as np\ndef f(path): return np.load(path, allow_pickle=True)",
        "import subprocess\ndef f(line): subprocess.run(line, shell=True)",
    ],
)
def test_planted_unsafe_load_is_found(tmp_path, text):
    assert len(unsafe_loads(plant(tmp_path, {"stores/registry.py": text}))) == 1
