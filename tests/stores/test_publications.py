"""The note of where views were published: what it holds outlives the process, and nothing is in it that lies nowhere."""

import pytest

from millrace.errors import MillraceError
from millrace.stores.publications import Publication, Publications

PLACE = "redis://cache:6379/0"


def test_what_is_noted_once_is_there_once_and_owed_until_it_is_deleted(tmp_path):
    Publications(tmp_path).owe()
    assert not list(tmp_path.iterdir()), "nothing was published, so nothing is owed"
    Publications(tmp_path).note("shop", PLACE)
    Publications(tmp_path).note("feed", PLACE)
    Publications(tmp_path).note("shop", PLACE)
    assert Publications(tmp_path).all() == [Publication("shop", PLACE), Publication("feed", PLACE)]
    assert Publications(tmp_path).owed() == []
    Publications(tmp_path).owe()
    Publications(tmp_path).note("shop", PLACE)
    owed = Publications(tmp_path).owed()
    assert [one.system for one in owed] == ["shop", "feed"], "publishing again pays nothing"
    Publications(tmp_path).deleted(owed[0])
    assert Publications(tmp_path).all() == [Publication("feed", PLACE, is_owed=True)]


def test_a_damaged_note_is_said_with_the_remedy(tmp_path):
    (tmp_path / "published.json").write_text("[{")
    with pytest.raises(MillraceError, match=r"published\.json is damaged .* forget again with --online"):
        Publications(tmp_path).all()
