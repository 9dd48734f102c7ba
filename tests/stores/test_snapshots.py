import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from millrace.errors import BadInput
from millrace.stores.snapshots import Snapshots
from millrace.types import objects


@pytest.fixture
def snapshots(tmp_path: Path) -> Snapshots:
    return Snapshots(tmp_path / "snapshots")


def saved(snapshots: Snapshots, *positions: int) -> list[Path]:
    return [snapshots.save({"n": np.array([position])}, {"position": position}) for position in positions]


def test_empty_folder_has_no_snapshot_and_nothing_to_warn_of(snapshots: Snapshots):
    assert snapshots.load() == (None, ())


def test_arrays_of_every_kind_come_back_the_same(snapshots: Snapshots):
    arrays = {
        "ids": objects(["v1", None, "ü\u0000\n", ""]),
        "counts": np.arange(12).reshape(3, 4),
        "sums": np.array([1.5, np.nan, -np.inf]),
        "flags": np.array([True, False]),
        "empty": np.empty((0, 3)),
        "no ids": objects([]),
        "file": np.array(5),
        "a/b": np.array(["x", "yz"]),
        "transposed": np.arange(6, dtype=np.int32).reshape(2, 3).T,
    }
    snapshots.save(arrays, {"position": np.int64(9), "streams": {"Watch": 3}})
    snapshot, warnings = snapshots.load()
    assert snapshot is not None
    assert (warnings, snapshot.meta) == ((), {"position": 9, "streams": {"Watch": 3}})
    assert list(snapshot.arrays) == list(arrays)
    for name, array in arrays.items():
        assert snapshot.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(snapshot.arrays[name], array)


@examples(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    array=arrays_of.arrays(st.sampled_from(["i8", "f8", "f4", "?", "u2"]), arrays_of.array_shapes(min_dims=0, min_side=0)),
    ids=st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"]))),
    name=st.text(st.characters(exclude_categories=["Cs"])),
)
def test_any_array_under_any_name_comes_back_the_same(snapshots: Snapshots, array, ids: list, name: str):
    snapshots.save({name: array, name + "ids": objects(ids)}, {})
    snapshot, _ = snapshots.load()
    assert snapshot is not None
    assert snapshot.arrays[name].tobytes() == array.tobytes()
    assert snapshot.arrays[name].shape == array.shape
    assert snapshot.arrays[name + "ids"].tolist() == ids


def test_only_the_last_two_are_kept(snapshots: Snapshots):
    paths = saved(snapshots, 1, 2, 3, 4)
    assert [path.exists() for path in paths] == [False, False, True, True]
    snapshot, _ = snapshots.load()
    assert snapshot is not None
    assert snapshot.meta == {"position": 4}


@pytest.mark.parametrize("harm", ["cut", "flip", "empty"])
def test_damaged_snapshot_is_passed_over_with_a_warning(snapshots: Snapshots, harm: str):
    _, path = saved(snapshots, 1, 2)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes({"cut": content[:-7], "flip": content, "empty": b""}[harm])
    snapshot, warnings = snapshots.load()
    assert snapshot is not None
    assert snapshot.meta == {"position": 1}
    assert warnings == (f"the snapshot {path} is damaged: the snapshot before it stands in, or the log itself",)


def test_all_snapshots_damaged_is_not_fatal(snapshots: Snapshots):
    for path in saved(snapshots, 1, 2):
        path.write_bytes(b"x")
    snapshot, warnings = snapshots.load()
    assert snapshot is None
    assert len(warnings) == 2
    saved(snapshots, 3)
    assert snapshots.load()[0] is not None


def test_snapshot_of_another_format_is_passed_over(snapshots: Snapshots, tmp_path: Path):
    saved(snapshots, 1)
    header = b'{"format":2,"names":[],"text":[],"meta":{}}'
    for number, member in (("00000002", {"header": np.frombuffer(header, np.uint8)}), ("00000003", {"other": np.zeros(1)})):
        np.savez(tmp_path / "made.npz", allow_pickle=False, **member)
        digest = hashlib.sha256((tmp_path / "made.npz").read_bytes()).hexdigest()
        (tmp_path / "made.npz").rename(tmp_path / "snapshots" / f"{number}-{digest}.npz")
    snapshot, warnings = snapshots.load()
    assert snapshot is not None
    assert snapshot.meta == {"position": 1}
    assert ["has another format than this Millrace reads" in warning for warning in warnings] == [True, True]
    assert "format 2, not 1" in warnings[1]


def test_name_that_leads_nowhere_is_passed_over(snapshots: Snapshots, tmp_path: Path):
    saved(snapshots, 1)
    (tmp_path / "snapshots" / f"00000009-{'0' * 64}.npz").symlink_to("nowhere")
    snapshot, warnings = snapshots.load()
    assert snapshot is not None
    assert len(warnings) == 1


@pytest.mark.parametrize("array", [objects([1, 2]), objects([["a"]]), np.array([["a"]], dtype=object), objects([{}])])
def test_objects_are_refused_by_the_arrays_name(snapshots: Snapshots, array):
    with pytest.raises(BadInput, match="the array 'ids' holds objects"):
        snapshots.save({"ids": array}, {})
    assert snapshots.load() == (None, ())


def test_structured_objects_are_refused(snapshots: Snapshots):
    with pytest.raises(BadInput, match="the array 'rows' holds objects"):
        snapshots.save({"rows": np.zeros(2, dtype=[("id", object)])}, {})


def test_meta_that_is_no_json_is_refused(snapshots: Snapshots):
    with pytest.raises(BadInput, match="cannot be kept as JSON"):
        snapshots.save({}, {"at": object()})


def test_reader_beside_a_writer_always_finds_a_whole_snapshot_and_never_an_older_one(snapshots: Snapshots):
    saved(snapshots, 0)
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(saved, snapshots, *range(1, 20))
        seen: list[int] = []
        while not writing.done():
            snapshot, warnings = snapshots.load()
            assert snapshot is not None
            assert warnings == ()
            seen.append(snapshot.meta["position"])
    assert seen == sorted(seen)
    assert len(writing.result()) == 19
