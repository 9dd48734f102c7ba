"""Encoders: what makes numbers of a text, or of the bytes of an image, the same ones wherever it is asked.

An encoder that you write is as good as these: `kind`, `column`, `dimensions` and `encode` are all there is to one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import blake2b
from importlib import import_module
from typing import Any, ClassVar, Protocol

import numpy as np

from millrace.errors import DeclarationError
from millrace.types import Array

_WORD = re.compile(r"\w+")
_MOST_DIMENSIONS = 1 << 16

_RUNTIME = "onnx"
"""The adapter that runs `Onnx`: files are read there, and only once something is encoded or named."""


class Encoder(Protocol):
    """Makes a vector of every value.

    What it returns for a value depends on the value and on what `column` says of the encoder, and on nothing else: not on the other
    values of the batch, the process or the day. That is what makes served and recomputed features agree.
    """

    @property
    def kind(self) -> str:
        """What it reads: "text" or "bytes"."""
        ...

    @property
    def column(self) -> str:
        """What it is, as text that changes whenever what it returns would: its settings, and a digest of all that it has learned."""
        ...

    @property
    def dimensions(self) -> int:
        """The length of its vectors."""
        ...

    def encode(self, values: Array) -> Array:
        """Return a vector per value as float32, shape (n, dimensions).

        Args:
            values: Distinct texts (str) or bytes, none of them missing, at least one. Object array, shape (n,).
        """
        ...


@dataclass(frozen=True)
class Hashing:
    """Counts words, and words in a row, in as many buckets as there are dimensions; needs no training and knows every language's words.

    A word's bucket and sign are digits of its hash, so that words which share a bucket cancel rather than add up, on average. Vectors
    have length 1; a text without words is all zeros. Too few dimensions and unlike texts look alike.

    Args:
        dimensions: The length of the vectors, 1 to 65536.
        ngrams: Up to how many words in a row count as one, 1 to 5.

    Source: Weinberger et al. (2009), Feature Hashing for Large Scale Multitask Learning.
    """

    dimensions: int = 64
    ngrams: int = 1
    kind: ClassVar[str] = "text"

    def __post_init__(self) -> None:
        _check("Hashing", self.dimensions, self.ngrams)

    @property
    def column(self) -> str:
        """Its settings."""
        return f"hashing({self.dimensions}, {self.ngrams})"

    def encode(self, values: Array) -> Array:
        """See `Encoder.encode`."""
        return _bucketed(values, self.dimensions, self.ngrams, lambda _: 1.0)


@dataclass(frozen=True, eq=False, init=False)
class Tfidf:
    """Counts words as `Hashing` does, rare ones for more: each by log((1 + documents) / (1 + documents with it)) + 1.

    How rare a word is comes from a corpus that is given and does not change by itself, such as a file beside the module. No decision can
    then have seen a document that came after it, as it could if the log itself were counted. Another corpus is another feature.

    Args:
        corpus: The documents.
        dimensions: The length of the vectors, 1 to 65536.
        ngrams: Up to how many words in a row count as one, 1 to 5.

    Source: Spärck Jones (1972), A Statistical Interpretation of Term Specificity and Its Application in Retrieval.
    """

    documents: int
    frequencies: dict[str, int]
    dimensions: int
    ngrams: int
    kind: ClassVar[str] = "text"

    def __init__(self, corpus: Sequence[str], dimensions: int = 256, ngrams: int = 1) -> None:
        _check("Tfidf", dimensions, ngrams)
        if isinstance(corpus, str) or not len(corpus):
            raise DeclarationError("Tfidf(): the corpus is no list of documents: give texts, such as the lines of a file")
        frequencies: dict[str, int] = {}
        for document in corpus:
            for gram in set(_grams(document, ngrams)):
                frequencies[gram] = frequencies.get(gram, 0) + 1
        for name, value in {
            "documents": len(corpus),
            "frequencies": frequencies,
            "dimensions": dimensions,
            "ngrams": ngrams,
        }.items():
            object.__setattr__(self, name, value)

    @cached_property
    def column(self) -> str:
        """Its settings, and a digest of how many documents of the corpus have each word."""
        said = blake2b(digest_size=5)
        for gram, count in sorted(self.frequencies.items()):
            said.update(f"{gram}\0{count}\0".encode())
        return f"tfidf({self.dimensions}, {self.ngrams}, {self.documents} documents@{said.hexdigest()})"

    def encode(self, values: Array) -> Array:
        """See `Encoder.encode`."""
        return _bucketed(values, self.dimensions, self.ngrams, self._weight)

    def _weight(self, gram: str) -> float:
        return float(np.log((1 + self.documents) / (1 + self.frequencies.get(gram, 0)))) + 1.0


@dataclass(frozen=True)
class Onnx:
    """A sentence encoder of your own, such as an exported MiniLM: the mean of its tokens' vectors, of length 1. Needs the extra `text`.

    The folder holds `model.onnx` (or `onnx/model.onnx`), `tokenizer.json` and `config.json`, as exports of transformers do; nothing is
    fetched. Texts are encoded one by one on one thread: in a batch a text's last digits would depend on its neighbours. Another machine's
    arithmetic may still differ in them, so recompute where you served if you mean to compare.

    Args:
        folder: Where the files are. Their content, not their place, is what the encoder is known by.
    """

    folder: str
    kind: ClassVar[str] = "text"

    @property
    def column(self) -> str:
        """A digest of the model's and the tokenizer's files."""
        return f"onnx@{self._model.digest}"

    @property
    def dimensions(self) -> int:
        """The model's `hidden_size`."""
        return self._model.dimensions

    def encode(self, values: Array) -> Array:
        """See `Encoder.encode`.

        Raises:
            MissingExtra: The extra `text` is not installed.
            BadInput: The model does not take tokens or does not return vectors of them.
        """
        return self._model.encode(values)

    @cached_property
    def _model(self) -> Any:
        return import_module(f"millrace.adapters.{_RUNTIME}").SentenceModel(self.folder)


def _check(name: str, dimensions: int, ngrams: int) -> None:
    if not isinstance(dimensions, int) or not 1 <= dimensions <= _MOST_DIMENSIONS:
        raise DeclarationError(f"{name}(dimensions={dimensions!r}): the length of the vectors is 1 to {_MOST_DIMENSIONS}")
    if not isinstance(ngrams, int) or not 1 <= ngrams <= 5:
        raise DeclarationError(f"{name}(ngrams={ngrams!r}): count up to 1 to 5 words in a row")


def _bucketed(values: Array, dimensions: int, ngrams: int, weight: Any) -> Array:
    """Return the signed, weighted counts of each text's words by bucket, scaled to length 1. float32, shape (n, dimensions)."""
    found = np.zeros((len(values), dimensions))
    for row, text in zip(found, values.tolist(), strict=True):
        for gram in _grams(text, ngrams):
            number = _number(gram)
            row[(number >> 1) % dimensions] += weight(gram) if number & 1 else -weight(gram)
    length = np.sqrt(np.vecdot(found, found))
    return (found / np.where(length > 0, length, 1.0)[:, None]).astype(np.float32)


def _grams(text: str, most: int) -> Iterator[str]:
    words = _WORD.findall(text.casefold())
    for n in range(1, most + 1):
        yield from (" ".join(words[start : start + n]) for start in range(len(words) - n + 1))


@lru_cache(maxsize=1 << 16)
def _number(gram: str) -> int:
    """Return a number that is the same in every process, as Python's own hash is not."""
    return int.from_bytes(blake2b(gram.encode(errors="surrogatepass"), digest_size=8).digest(), "big")
