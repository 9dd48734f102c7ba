import numpy as np
import pytest

from millrace.errors import BadInput, NotFound
from millrace.models.factorization import ALS
from millrace.models.folder import read_array, read_json, write_array, write_json
from millrace.models.gradient_boosting import GradientBoosting
from millrace.models.logistic import Logistic
from tests.models.learner_laws import mixed


def test_arrays_and_json_come_back(tmp_path):
    write_array(tmp_path / "new", "x.npy", np.array([[1.5, np.inf]]))
    write_json(tmp_path / "new", "x.json", {"é": 0.1})
    assert read_array(tmp_path / "new", "x.npy", (1, 2)).tolist() == [[1.5, np.inf]]
    assert read_json(tmp_path / "new", "x.json", dict[str, float]) == {"é": 0.1}


def test_version_of_another_learner_is_refused(tmp_path):
    Logistic().fit(mixed(80), seed=0).save(tmp_path)
    (tmp_path / "logistic.json").rename(tmp_path / "gradient_boosting.json")
    with pytest.raises(BadInput, match=r"gradient_boosting\.json is not what this learner saves .*load it with the learner that saved it"):
        GradientBoosting().load(tmp_path)
    with pytest.raises(NotFound, match=r"holds no als\.json"):
        ALS().load(tmp_path)


def test_damaged_array_is_refused(tmp_path):
    write_array(tmp_path, "x.npy", np.zeros(4))
    with pytest.raises(BadInput, match=r"its shape is \(4,\), not \(3,\)"):
        read_array(tmp_path, "x.npy", (3,))
    (tmp_path / "x.npy").write_bytes((tmp_path / "x.npy").read_bytes()[:-3])
    with pytest.raises(BadInput, match=r"x\.npy is damaged"):
        read_array(tmp_path, "x.npy", (4,))


def test_array_of_objects_is_refused(tmp_path):
    np.save(tmp_path / "x.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(BadInput, match="damaged"):
        read_array(tmp_path, "x.npy", (1,))
