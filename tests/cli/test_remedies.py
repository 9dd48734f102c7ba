"""What the system refuses is told with what to do about it, in one line."""

import shutil

import pytest

from tests.log.disks import small_disk


@pytest.mark.parametrize("command", [("compact", "shop.py"), ("import", "shop.py", "User", "users.csv", "--field", "at=since")])
def test_folder_that_is_read_only_is_said_to_be_with_what_to_do(stocked, command):
    with small_disk(stocked.folder / "disk", 16) as disk:
        home = shutil.copytree(stocked.folder / ".millrace", disk.folder / "home")
        with disk.read_only():
            done = stocked.millrace(*command, "--home", str(home))
        where = f"{home / 'log' / 'writer.lock'}"
        remedy = "it is mounted read-only: mount it to be written, or name another folder with --home"
        assert (done.status, done.err) == (1, f"error: {where}: Read-only file system: {remedy}\n")
        assert stocked.millrace("compact", "shop.py", "--home", str(home)).status == 0
