"""The command line as a whole: its table of contents, how quick it is to say, and how it says no."""

import json
import subprocess
import sys

import pytest

from millrace.cli.main import app

HEAVY = {"starlette", "granian", "sqlalchemy", "lightgbm", "sklearn", "scipy", "pyarrow", "duckdb", "plotly", "jinja2", "uvloop"}


def test_help_lists_every_command_under_its_heading(shop):
    said = shop.millrace("--help")
    assert said.status == 0
    places = [said.out.index(f"─ {heading} ─") for heading in ("Begin", "Learn", "Run", "Look")]
    assert places == sorted(places)
    commands = [command.name or command.callback.__name__ for command in app.registered_commands]
    assert len(set(commands)) == len(commands) > 10
    for command in commands:
        assert f"│ {command} " in said.out, command


def test_help_brings_nothing_heavy():
    program = "import sys, json\nsys.argv = ['millrace', '--help']\nfrom millrace.cli.main import app\n"
    program += "app(standalone_mode=False)\nprint()\nprint(json.dumps(sorted(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    assert HEAVY & set(json.loads(answer.stdout.splitlines()[-1])) == set()


def test_version_is_printed(shop):
    assert shop.millrace("--version").out.startswith("millrace 0.")


def test_module_that_is_wrong_is_one_sentence_with_its_line(shop):
    text = (shop.folder / "shop.py").read_text()
    (shop.folder / "shop.py").write_text(text.replace('per=(User, Item.category), over="30d"', 'per=(User, Item.category), over="30 days"'))
    said = shop.millrace("check", "shop.py")
    assert said.status == 1
    assert said.out == ""
    assert said.err.startswith("error: shop.py:")
    assert "30 days" in said.err
    assert said.err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("status", "shop.py"),
        ("explain", "shop.py", "visit-1"),
        ("verify", "shop.py"),
        ("evaluate", "shop.py"),
        ("train", "shop.py"),
        ("promote", "shop.py", "r0001-000000"),
        ("rollback", "shop.py"),
    ],
)
def test_folder_without_a_log_is_said_and_not_made(shop, arguments):
    said = shop.millrace(*arguments)
    assert (said.status, said.out) == (1, "")
    assert said.err.startswith("error: there is nothing in .millrace yet")
    assert not (shop.folder / ".millrace").exists()


def test_home_is_taken_from_the_environment(shop, monkeypatch):
    monkeypatch.setenv("MILLRACE_HOME", "elsewhere")
    assert "elsewhere" in shop.millrace("status", "shop.py").err
