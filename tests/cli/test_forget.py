"""`millrace forget` as a user calls it: it shows, asks, removes, and what remains can be checked."""

import typer

from tests.cli.shop import live
from tests.serve.remembering import holding

GONE = "user-17"


def test_it_shows_what_goes_asks_and_leaves_nothing_but_a_tombstone(stocked, monkeypatch):
    live(stocked, visits=60)
    home = stocked.folder / ".millrace"
    asked = []
    monkeypatch.setattr(typer, "confirm", lambda question: asked.append(question))  # append returns None: no
    said = stocked.millrace("forget", "shop.py", f"User:{GONE}")
    assert (said.status, asked) == (1, ["It cannot be undone. Go on?"])
    assert f"Forgetting User:{GONE} removes" in said.out
    assert holding(home, GONE), "the answer was no"

    said = stocked.millrace("forget", "shop.py", f"User:{GONE}", "--yes")
    assert said.status == 0, said.err
    assert "tombstone 1, " in said.out
    assert not holding(home, GONE)

    said = stocked.millrace("forget", "shop.py", f"User:{GONE}", "--yes")
    assert said.status == 0
    assert f"there was nothing of User:{GONE}" in said.out

    said = stocked.millrace("forget", "shop.py", f"User:{GONE}", "--check")
    assert said.status == 0, said.out
    assert len([line for line in said.out.splitlines() if " User " in line]) == 1
    assert "no tombstone of User:user-8" in stocked.millrace("forget", "shop.py", "User:user-8", "--check").out

    said = stocked.millrace("verify", "shop.py")
    assert said.status == 0, said.out

    path = home / "tombstones.jsonl"
    path.write_text(path.read_text().replace('"named":0', '"named":1'))
    said = stocked.millrace("forget", "shop.py", "--check")
    assert said.status == 1
    assert "tombstone 1 was changed since it was signed" in said.out


def test_a_folder_that_a_server_writes_to_is_refused_with_the_remedy(stocked):
    from millrace.loading import load
    from millrace.serve.home import Home

    home = Home(stocked.folder / ".millrace", load(str(stocked.folder / "shop.py")))
    said = stocked.millrace("forget", "shop.py", f"User:{GONE}", "--yes")
    home.close()
    assert said.status == 1
    assert "another process, such as millrace serve, writes to" in said.err
    assert "stop it first" in said.err


def test_nobody_in_particular_is_refused(stocked):
    said = stocked.millrace("forget", "shop.py")
    assert said.status == 1
    assert "say whom" in said.err


def test_what_was_interrupted_is_finished_without_saying_whom(stocked):
    from millrace.loading import load
    from millrace.log import forget
    from millrace.log.traces import Who
    from millrace.serve.home import Home

    home = Home(stocked.folder / ".millrace", load(str(stocked.folder / "shop.py")))
    forget.begin(home.log.store, Who("User", GONE), 0)
    home.close()
    said = stocked.millrace("forget", "shop.py", "--check")
    assert said.status == 1
    assert "was interrupted: millrace forget shop.py finishes it" in said.out
    assert stocked.millrace("forget", "shop.py").status == 0
    assert stocked.millrace("forget", "shop.py", "--check").status == 0
    assert not holding(stocked.folder / ".millrace", GONE)
