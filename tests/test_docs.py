"""The documents are true: the quickstart runs, the README quotes what is there, and nothing public goes unmentioned."""

import doctest
import os
import re
import shlex
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

import millrace
from millrace.cli.main import app

HOUSE = Path(__file__).parents[1]
DOCS = HOUSE / "docs"
GUIDES = [HOUSE / "README.md", DOCS / "quickstart.md", DOCS / "concepts.md", DOCS / "reference.md"]
PUBLIC = [*millrace.__all__, *millrace._ON_USE]
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)


def blocks(path: Path) -> Iterator[tuple[str, str]]:
    """Yield (language, text) of the fenced blocks of a document."""
    yield from _BLOCK.findall(path.read_text(encoding="utf-8"))


def commands(block: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each command of a console block, with the lines of output the document shows."""
    command, shown = "", []
    for line in block.splitlines():
        if line.startswith("$ "):
            if command:
                yield command, shown
            command, shown = line[2:], []
        elif line.strip():
            shown.append(line)
    yield command, shown


def expect(shown: list[str], printed: str) -> None:
    """Check that the lines a document shows were printed, in their order; words that hold a digit or a quote may differ."""
    at = 0
    for line in shown:
        words = (r"\S+" if re.search(r"\d", word) else re.escape(word) for word in line.split())
        found = re.compile(r"\s+".join(words)).search(printed, at)
        assert found, f"the document shows {line!r}, which is not in:\n{printed}"
        at = found.end()


class Reader:
    """Does what a document says, in a folder of its own, with the server on a port of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.server: subprocess.Popen[str] | None = None
        self._environment = {**os.environ, "PYTHONPATH": str(HOUSE), "COLUMNS": "160"}

    def python(self, text: str) -> str:
        return self._ended([sys.executable, "-c", self._here(text)])

    def console(self, command: str) -> str:
        program, *arguments = shlex.split(self._here(command))
        if program == "curl":
            return curl(arguments)
        assert program == "millrace", f"what is {program}?"
        if arguments[0] == "serve":
            return self._served([*arguments, "--port", str(self.port)])
        return self._ended([sys.executable, "-m", "millrace", *arguments])

    def _here(self, text: str) -> str:
        return text.replace("127.0.0.1:8000", f"127.0.0.1:{self.port}")

    def _ended(self, command: list[str]) -> str:
        done = subprocess.run(command, cwd=self.folder, env=self._environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _served(self, arguments: list[str]) -> str:
        command = [sys.executable, "-m", "millrace", *arguments]
        self.server = subprocess.Popen(command, cwd=self.folder, env=self._environment, stdout=subprocess.PIPE, text=True)
        assert self.server.stdout is not None
        first = self.server.stdout.readline()
        for _ in range(600):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5)
                # On a busy machine the very first decision may miss its deadline, which is not what the document is about.
                curl(["-s", f"http://127.0.0.1:{self.port}/v1/decide", "-d", '[{"user": "nobody"}]'])
                return first
            except OSError:
                time.sleep(0.1)
        raise AssertionError("the server does not answer")

    def close(self) -> None:
        if self.server is not None:
            self.server.terminate()
            self.server.communicate(timeout=60)


def curl(arguments: list[str]) -> str:
    """Do what curl would do with `-s URL [-d BODY]`."""
    assert arguments[0] == "-s", arguments
    body = arguments[arguments.index("-d") + 1].encode() if "-d" in arguments else None
    try:
        with urllib.request.urlopen(urllib.request.Request(arguments[1], data=body), timeout=60) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.read().decode()


@pytest.fixture
def reader(tmp_path):
    made = Reader(tmp_path)
    yield made
    made.close()


@pytest.mark.server
def test_quickstart_does_what_it_says(reader):
    for language, text in blocks(DOCS / "quickstart.md"):
        if language == "python":
            reader.python(text)
        else:
            for command, shown in commands(text):
                expect(shown, reader.console(command))


def test_experiments_show_what_their_examples_print():
    options = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    shown = doctest.testfile(str(DOCS / "experiments.md"), module_relative=False, optionflags=options)
    assert shown.attempted > 10
    assert shown.failed == 0


def test_readme_quotes_the_feed_as_it_is():
    module = [untuned(line) for line in (HOUSE / "millrace/systems/feed.py").read_text(encoding="utf-8").splitlines()]
    [quoted] = [text for language, text in blocks(HOUSE / "README.md") if language == "python"]
    at = 0
    for line in quoted.splitlines():
        if line.strip() and "..." not in line:  # what is left out is not quoted
            assert untuned(line) in module[at:], f"README quotes {line!r}, which feed.py does not hold, or not here"
            at = module.index(untuned(line), at) + 1


def untuned(line: str) -> str:
    """Return a line without its figures: those are tuned more often than a README is read."""
    return re.sub(r"\d+(\.\d+)?", "#", line)


def test_every_command_is_in_the_readme_and_the_help():
    told = "".join(path.read_text(encoding="utf-8") for path in GUIDES)
    for command in app.registered_commands:
        name = command.name or command.callback.__name__
        assert f"millrace {name}" in told, f"no document mentions millrace {name}"
        assert command.callback.__doc__


def test_the_readme_lists_every_command_and_every_group():
    listed = "".join(line for line in (HOUSE / "README.md").read_text(encoding="utf-8").splitlines() if line.startswith("| `"))
    names = [command.name or command.callback.__name__ for command in app.registered_commands]
    names += [group.name or group.typer_instance.info.name for group in app.registered_groups]
    assert [name for name in names if f"`millrace {name}`" not in listed] == []


def reference() -> dict[str, str]:
    """Return the rows of docs/reference.md: what is said of each name."""
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", (DOCS / "reference.md").read_text(encoding="utf-8"), re.M)
    assert len(dict(rows)) == len(rows), "a name is listed twice"
    return dict(rows)


def test_reference_lists_every_public_name_and_no_other():
    assert sorted(reference()) == sorted(PUBLIC)


@pytest.mark.parametrize("name", PUBLIC)
def test_reference_says_of_a_name_what_its_docstring_says(name):
    public = getattr(millrace, name)
    if name == "Array":  # an alias has no docstring of its own
        return
    first = (public.__doc__ or "").strip().splitlines()[:1]
    assert first, f"millrace.{name} has no docstring"
    assert reference()[name] == first[0]


@pytest.mark.parametrize("path", [*GUIDES, HOUSE / "CONTRIBUTING.md", HOUSE / "CHANGELOG.md"], ids=lambda path: path.name)
def test_every_link_leads_somewhere(path):
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8")):
        assert "://" in target or (path.parent / target).exists(), f"{path.name} links to {target}"
