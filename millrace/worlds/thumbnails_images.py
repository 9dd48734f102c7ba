"""The images of the thumbnail world: small ones, in which an artwork's looks can be seen if one knows where to look."""

from __future__ import annotations

import numpy as np

from millrace.types import Array

SIDE = 8
"""Images are so many pixels wide and high, of three bytes each: red, green, blue."""

_PAINT = np.array([[120, 160, 190], [60, 55, 75], [210, 190, 90], [200, 120, 150], [140, 70, 60]], dtype=np.float64)
"""The colour of each mood."""
_WARM = np.array([20.0, 0.0, -20.0])
_SKIN = np.array([22.0, 14.0, 8.0])
_LIGHT, _MORE_LIGHT = 24.0, 8.0
"""How far brightness varies over an ordinary image, and by how much more for each unit of contrast."""


def images(mood: Array, looks: Array, rng: np.random.Generator) -> Array:
    """Paint an image for each artwork. Shape (n, SIDE * SIDE * 3), uint8, row by row.

    Warmth turns the colours from blue to red, faces brighten the middle, contrast spreads light and shade; no two are painted alike.

    Args:
        mood: Mood numbers. Shape (n,).
        looks: Warmth, faces, contrast. Shape (n, 3).
        rng: Where the strokes come from.
    """
    light = rng.normal(size=(len(mood), SIDE, SIDE))
    light -= light.mean(axis=(1, 2), keepdims=True)
    spread = np.maximum(_LIGHT + _MORE_LIGHT * looks[:, 2], 2.0)
    middle = np.zeros((SIDE, SIDE))
    middle[SIDE // 4 : -SIDE // 4, SIDE // 4 : -SIDE // 4] = 1.0
    painted = _PAINT[mood][:, None, None, :] + (spread[:, None, None] * light)[..., None]
    painted = painted + looks[:, 0, None, None, None] * _WARM + looks[:, 1, None, None, None] * middle[..., None] * _SKIN
    return np.clip(np.round(painted), 0, 255).astype(np.uint8).reshape(len(mood), SIDE * SIDE * 3)
