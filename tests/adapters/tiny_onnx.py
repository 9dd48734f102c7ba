"""A sentence encoder of a few hundred bytes: a table of vectors by token, written as ONNX's own format says, and its tokenizer."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

WORDS = {"[UNK]": 0, "cats": 1, "dogs": 2, "and": 3, "rain": 4, "nothing": 5}
TABLE = np.vstack([np.random.default_rng(0).normal(size=(5, 4)), np.zeros(4)]).astype(np.float32)
_FLOAT, _INT64 = 1, 7


def export(folder: Path, *, model: str = "model.onnx", table: np.ndarray = TABLE, asks: str = "input_ids", hidden_size: int = 4) -> str:
    """Write the encoder into a folder as an export would; return the folder as text."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    (folder / model).parent.mkdir(parents=True, exist_ok=True)
    (folder / model).write_bytes(_model(table, asks))
    tokenizer = Tokenizer(models.WordLevel(WORDS, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text(json.dumps({"hidden_size": hidden_size, "max_position_embeddings": 6, "model_type": "tiny"}))
    return str(folder)


def _model(table: np.ndarray, asks: str) -> bytes:
    """Return a graph of one node, Gather(table, tokens), with the fields of onnx.proto by their numbers."""
    initializer = _message({1: list(table.shape), 2: _FLOAT, 8: "table", 9: table.tobytes()})
    node = _message({1: ["table", asks], 2: "last_hidden_state", 4: "Gather"})
    given = _tensor(asks, _INT64, ["texts", "tokens"])
    found = _tensor("last_hidden_state", _FLOAT, ["texts", "tokens", table.shape[1]])
    graph = _message({1: node, 2: "tiny", 5: initializer, 11: given, 12: found})
    return _message({1: 8, 7: graph, 8: _message({1: "", 2: 13})})


def _tensor(name: str, kind: int, shape: list) -> bytes:
    dimensions = [_message({2: one} if isinstance(one, str) else {1: one}) for one in shape]
    return _message({1: name, 2: _message({1: _message({1: kind, 2: _message({1: dimensions})})})})


def _message(fields: Mapping[int, object]) -> bytes:
    """Return a protocol buffers message: numbers as varints, all else with its length before it."""
    out = b""
    for number, value in fields.items():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, int):
                out += _varint(number << 3) + _varint(one)
            else:
                data = one.encode() if isinstance(one, str) else one
                out += _varint(number << 3 | 2) + _varint(len(data)) + data
    return out


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])
