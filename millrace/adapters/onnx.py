"""A sentence encoder in a folder, run by ONNX Runtime: tokens in, one vector per text out. Needs the extra `text`."""

from __future__ import annotations

import threading
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from millrace.errors import BadInput, MissingExtra, NotFound
from millrace.types import Array

_MODELS = ("model.onnx", "onnx/model.onnx")
_AT_ONCE = 1 << 20


class _Config(msgspec.Struct):
    """What is read of `config.json`: the length of a token's vector, and how many tokens a text may have."""

    hidden_size: int
    max_position_embeddings: int = 512


class SentenceModel:
    """The mean of the vectors that a model gives a text's tokens, scaled to length 1.

    Args:
        folder: Holds `model.onnx` or `onnx/model.onnx`, `tokenizer.json` and `config.json`.

    Raises:
        NotFound: One of the files is missing.
        BadInput: `config.json` does not say `hidden_size`.
    """

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)
        self._lock = threading.Lock()
        try:
            self._config = msgspec.json.decode(self._file("config.json").read_bytes(), type=_Config)
        except msgspec.DecodeError as error:
            raise BadInput(f"{folder}/config.json does not say how long the model's vectors are ({error}): give it hidden_size") from error

    @property
    def dimensions(self) -> int:
        """The length of its vectors."""
        return self._config.hidden_size

    @cached_property
    def digest(self) -> str:
        """10 hex digits of the files that decide what it returns."""
        said = blake2b(f"{self._config}".encode(), digest_size=5)
        for path in (self._file(*_MODELS), self._file("tokenizer.json")):
            with path.open("rb") as file:
                while part := file.read(_AT_ONCE):
                    said.update(part)
        return said.hexdigest()

    def encode(self, values: Array) -> Array:
        """Return a vector per text, each encoded by itself. float32, shape (n, dimensions).

        Raises:
            MissingExtra: The extra `text` is not installed.
            BadInput: The model wants other inputs than tokens, or does not return their vectors.
        """
        with self._lock:  # made once, however many ask first
            session, tokenizer = self._session, self._tokenizer
        return np.array([self._vector(session, tokenizer.encode(text)) for text in values.tolist()], dtype=np.float32)

    def _vector(self, session: Any, tokens: Any) -> Array:
        given = {"input_ids": tokens.ids, "attention_mask": tokens.attention_mask, "token_type_ids": tokens.type_ids}
        wanted = [one.name for one in session.get_inputs()]
        if unknown := set(wanted) - given.keys():
            raise BadInput(f"the model in {self._folder} asks for {', '.join(sorted(unknown))}, not for tokens: export a text encoder")
        found = session.run(None, {name: np.array([given[name]], dtype=np.int64) for name in wanted})[0]
        if found.ndim != 3 or found.shape[2] != self.dimensions:
            raise BadInput(
                f"the model in {self._folder} returns {found.shape}, not (texts, tokens, {self.dimensions}): export a text encoder"
            )
        mean = found[0].astype(np.float64).mean(axis=0) if found.shape[1] else np.zeros(self.dimensions)
        length = np.sqrt(np.vecdot(mean, mean))
        return mean / length if length > 0 else mean

    @cached_property
    def _session(self) -> Any:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # how a sum is split decides its last digits
        return onnxruntime.InferenceSession(self._file(*_MODELS), options, providers=["CPUExecutionProvider"])

    @cached_property
    def _tokenizer(self) -> Any:
        try:
            from tokenizers import Tokenizer
        except ImportError as error:
            raise MissingExtra("a sentence encoder needs its tokenizer: pip install 'millrace[text]'") from error
        tokenizer = Tokenizer.from_file(str(self._file("tokenizer.json")))
        tokenizer.no_padding()
        tokenizer.enable_truncation(self._config.max_position_embeddings)
        return tokenizer

    def _file(self, *names: str) -> Path:
        for name in names:
            if (path := self._folder / name).is_file():
                return path
        raise NotFound(f"{self._folder} holds no {' or '.join(names)}: export the encoder there, with its tokenizer and configuration")
