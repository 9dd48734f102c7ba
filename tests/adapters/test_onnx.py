"""A sentence encoder from a folder, on a model of six words."""

from pathlib import Path

import numpy as np
import pytest

from millrace.errors import BadInput, MissingExtra, NotFound
from millrace.features.encoded import encoded
from millrace.features.encoders import Onnx
from millrace.schema import Entity
from millrace.types import objects

pytest.importorskip("tokenizers", reason="the extra `text` is not installed")

from tests.adapters.tiny_onnx import TABLE, WORDS, export


class Video(Entity):
    title: str


TEXTS = ["cats and dogs", "rain", "dogs dogs unheard-of", "", "nothing", "cats " * 9]


def expected(text: str) -> np.ndarray:
    """Return the mean of the words' vectors by hand: six at most, of length 1."""
    words = text.replace("-", " - ").split()[:6]
    mean = TABLE[[WORDS.get(word, 0) for word in words]].astype(float).mean(axis=0) if words else np.zeros(4)
    return mean / (np.linalg.norm(mean) or 1)


@pytest.mark.parametrize("model", ["model.onnx", "onnx/model.onnx"])
def test_a_text_is_the_mean_of_its_tokens_of_length_one(tmp_path: Path, model: str) -> None:
    by = Onnx(export(tmp_path, model=model))
    found = by.encode(objects(TEXTS))
    assert found.dtype == np.float32
    assert by.dimensions == 4
    np.testing.assert_allclose(found, [expected(text) for text in TEXTS], atol=1e-6)
    np.testing.assert_array_equal(by.encode(objects(TEXTS[:1])), found[:1])


def test_it_is_known_by_what_is_in_its_folder(tmp_path: Path) -> None:
    column = Onnx(export(tmp_path / "a")).column
    assert Onnx(export(tmp_path / "b")).column == column
    assert Onnx(export(tmp_path / "c", table=TABLE + 1)).column != column
    assert [one.column for one in encoded(Video.title, by=Onnx(str(tmp_path / "a")))] == [f"{column}(Video.title)[{n}]" for n in range(4)]


@pytest.mark.parametrize("file", ["model.onnx", "tokenizer.json", "config.json"])
def test_a_file_that_is_missing_is_named(tmp_path: Path, file: str) -> None:
    by = Onnx(export(tmp_path))
    (tmp_path / file).unlink()
    with pytest.raises(NotFound, match=rf"holds no {file}.*: export the encoder there"):
        by.column  # noqa: B018 - reading it opens the folder


def test_a_model_that_is_no_encoder_of_such_texts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"asks for pixels, not for tokens"):
        Onnx(export(tmp_path / "a", asks="pixels")).encode(objects(["cats"]))
    with pytest.raises(BadInput, match=r"returns \(1, 1, 4\), not \(texts, tokens, 5\)"):
        Onnx(export(tmp_path / "b", hidden_size=5)).encode(objects(["cats"]))
    (tmp_path / "b" / "config.json").write_text("{}")
    with pytest.raises(BadInput, match=r"config.json does not say how long"):
        Onnx(str(tmp_path / "b")).dimensions  # noqa: B018 - reading it opens the folder


def test_without_the_extra_it_says_what_to_install(tmp_path: Path, monkeypatch) -> None:
    by = Onnx(export(tmp_path))
    monkeypatch.setitem(__import__("sys").modules, "tokenizers", None)
    with pytest.raises(MissingExtra, match=r"needs its tokenizer: pip install 'millrace\[text\]'"):
        by.encode(objects(["cats"]))
