"""`millrace compact`, `backup` and `restore` on a shop: what a user sees of them."""

import re

from millrace.cli.opening import writing
from millrace.loading import load


def test_compaction_moves_what_is_new_and_drops_what_is_no_longer_kept(stocked):
    module = stocked.folder / "shop.py"
    module.write_text(module.read_text().replace("class Click(Event):", 'class Click(Event, retain="60d"):'))
    assert 'retain="60d"' in module.read_text()
    said = stocked.millrace("compact", "shop.py")
    assert said.status == 0, said.err
    assert re.search(r"^moved \d+ records to the lake, merged \d+ files$", said.out, re.M)
    assert re.search(r"^dropped \d+ Click from before 20\d\d-\d\d-\d\d 00:00:00 UTC$", said.out, re.M)  # long ago by the clock of today
    again = stocked.millrace("compact", "shop.py")
    assert again.out == "moved 0 records to the lake, merged 0 files\n"


def test_shop_is_backed_up_lost_and_restored(stocked):
    before = stocked.millrace("status", "shop.py").out
    said = stocked.millrace("backup", "shop.py", "copies")
    assert said.status == 0, said.err
    assert re.match(r"copies/20\d{6}T\d{6}\.\d{6}Z: shop up to record [\d,]+, known 20", said.out)
    (stocked.folder / ".millrace").rename(stocked.folder / "lost")
    said = stocked.millrace("restore", "copies")
    assert said.status == 0, said.err
    assert re.match(r"\.millrace: shop up to record [\d,]+, known 20\S+ \S+ UTC, from copies/20", said.out)
    assert "is not in it: send it again, once is enough" in said.out
    assert stocked.millrace("status", "shop.py").out == before
    said = stocked.millrace("restore", "copies")
    assert (said.status, said.out) == (1, "")
    assert said.err.startswith("error: .millrace is not empty, and a backup replaces nothing")


def test_backup_beside_a_server_and_compaction_only_without(stocked):
    with writing(load(str(stocked.folder / "shop.py")), stocked.folder / ".millrace"):
        assert stocked.millrace("backup", "shop.py", "copies").status == 0
        said = stocked.millrace("compact", "shop.py")
        assert said.status == 1
        assert "another process, such as millrace serve, writes to .millrace: stop it first" in said.err


def test_what_is_no_backup_is_said(stocked):
    (stocked.folder / "empty").mkdir()
    said = stocked.millrace("restore", "empty", "--home", "again")
    assert said.err == "error: empty holds no finished backup: name the folder that `millrace backup` wrote to\n"
