"""What an encoder says depends on the value and on what its column says, and on nothing else."""

import subprocess
import sys

import numpy as np
import pytest

from millrace.errors import DeclarationError
from millrace.features.encoders import Hashing, Tfidf
from millrace.types import objects

TEXTS = objects(["The cat sat", "the CAT, sat!", "a dog ran far away", "", "…", "der große Hund"])
CORPUS = ["the cat sat", "the dog ran", "the end"]
ENCODERS = [Hashing(32), Hashing(16, ngrams=3), Tfidf(CORPUS, dimensions=32), Tfidf(CORPUS, dimensions=16, ngrams=2)]


@pytest.mark.parametrize("by", ENCODERS, ids=lambda by: by.column)
def test_vectors_have_length_one_and_are_zeros_without_words(by) -> None:
    vectors = by.encode(TEXTS)
    assert vectors.dtype == np.float32
    assert vectors.shape == (6, by.dimensions)
    np.testing.assert_allclose(np.sqrt((vectors.astype(float) ** 2).sum(axis=1)), [1, 1, 1, 0, 0, 1], rtol=1e-6)


@pytest.mark.parametrize("by", ENCODERS, ids=lambda by: by.column)
def test_a_value_is_encoded_alike_alone_and_among_others(by) -> None:
    together = by.encode(TEXTS)
    for place, text in enumerate(TEXTS.tolist()):
        np.testing.assert_array_equal(by.encode(objects([text]))[0], together[place])


def test_words_count_whatever_their_case_and_what_is_between_them() -> None:
    vectors = Hashing(32).encode(TEXTS)
    np.testing.assert_array_equal(vectors[0], vectors[1])
    assert (vectors[0] != vectors[2]).any()


def test_order_counts_only_with_words_in_a_row() -> None:
    pair = objects(["dog bites man", "man bites dog"])
    alone, in_a_row = Hashing(512).encode(pair), Hashing(512, ngrams=2).encode(pair)
    np.testing.assert_array_equal(alone[0], alone[1])
    assert (in_a_row[0] != in_a_row[1]).any()


def test_another_process_encodes_alike() -> None:
    asked = "from millrace.features.encoders import Hashing; from millrace.types import objects; "
    asked += "print(Hashing(8, 2).encode(objects(['the cat sat on the mat'])).tolist())"
    said = {
        subprocess.run([sys.executable, "-c", asked], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True).stdout
        for seed in ("1", "2")
    }
    assert said == {f"{Hashing(8, 2).encode(objects(['the cat sat on the mat'])).tolist()}\n"}


def test_a_rare_word_weighs_as_its_documents_say() -> None:
    by = Tfidf(CORPUS, dimensions=4096)
    vector = np.abs(by.encode(objects(["the cat unheard"]))[0])
    weights = np.array([np.log(4 / 4) + 1, np.log(4 / 2) + 1, np.log(4 / 1) + 1])  # in 3, 1 and 0 of 3 documents
    np.testing.assert_allclose(np.sort(vector[vector > 0]), weights / np.sqrt((weights**2).sum()), rtol=1e-6)


def test_another_setting_or_corpus_is_another_encoder() -> None:
    columns = [Hashing(8).column, Hashing(9).column, Hashing(8, 2).column, Tfidf(CORPUS).column, Tfidf(CORPUS[:2]).column]
    columns += [Tfidf(["the dog ran", "the end", "the cat saw"]).column, Tfidf(CORPUS, 8).column]
    assert len(set(columns)) == len(columns)
    assert Tfidf(CORPUS).column == Tfidf(CORPUS[::-1]).column


@pytest.mark.parametrize(
    "make, said",
    [
        (lambda: Hashing(0), r"Hashing\(dimensions=0\): the length of the vectors is 1 to 65536"),
        (lambda: Hashing(8, 6), r"Hashing\(ngrams=6\): count up to 1 to 5 words in a row"),
        (lambda: Tfidf([]), "the corpus is no list of documents"),
        (lambda: Tfidf("a text"), "the corpus is no list of documents"),
        (lambda: Tfidf(CORPUS, dimensions=1 << 20), r"Tfidf\(dimensions=1048576\)"),
    ],
)
def test_settings_that_cannot_be_are_refused(make, said: str) -> None:
    with pytest.raises(DeclarationError, match=said):
        make()
