"""How many sellers fewer viewers would have reached: the exact expectation over all ways to pick them."""

from __future__ import annotations

import numpy as np

from millrace.types import Array


def reach_chances(viewers: int, picked: int) -> Array:
    """Return the chance that somebody who met a seller is picked, by how many of the viewers met it. Shape (viewers + 1,).

    Of n viewers, m are picked without putting back. A seller whom c of them met is missed by all that are picked with the chance
    C(n - c, m) / C(n, m), here as a product, so that nothing overflows.

    Args:
        viewers: n, at least 1.
        picked: m, from 0 to n.

    Source: Hurlbert (1971), The Nonconcept of Species Diversity; Colwell, Mao & Chang (2004), Interpolating, Extrapolating, and Comparing
    Incidence-based Species Accumulation Curves.

    >>> reach_chances(4, 2).round(4).tolist()  # whom one of four met, two picked meet with a half
    [0.0, 0.5, 0.8333, 1.0, 1.0]
    """
    met = np.arange(viewers)
    still_missed = np.maximum(viewers - picked - met, 0) / (viewers - met)
    return 1 - np.concatenate([[1.0], np.cumprod(still_missed)])
