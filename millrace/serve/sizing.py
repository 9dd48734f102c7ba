"""How many requests a batch should hold, learnt from how long batches took."""

from __future__ import annotations

from dataclasses import dataclass

SPAN_S = 0.01
"""How long a batch may take at least, in seconds: quicker requests share what a batch costs by itself."""
MOST = 256
"""How many requests of several callers a batch holds at most."""
_FADES = 0.95


@dataclass
class BatchSize:
    """Fits a line to the times of batches: so much for a batch, and so much for each of its requests; old batches fade.

    A batch should take no longer than `SPAN_S`, or than twice what one request takes alone: a policy that waits for something takes as many
    as come, one that computes for each of them takes few, since those who share a long batch all wait for its end. Until it is known what a
    request costs, all that wait are taken.
    """

    _n: float = 0.0
    _size: float = 0.0
    _took: float = 0.0
    _size2: float = 0.0
    _both: float = 0.0
    each_s: float = 0.0
    itself_s: float = 0.0

    def learn(self, size: int, took_s: float) -> None:
        """Note how long a batch of some requests took to decide, in seconds."""
        self._n = self._n * _FADES + 1
        self._size = self._size * _FADES + size
        self._took = self._took * _FADES + took_s
        self._size2 = self._size2 * _FADES + size * size
        self._both = self._both * _FADES + size * took_s
        spread = self._size2 * self._n - self._size**2
        if spread > 0.01 * self._size**2:  # else they were alike: what a request costs is what it cost
            self.each_s = max(0.0, (self._both * self._n - self._size * self._took) / spread)
        self.each_s = min(self.each_s, self._took / self._size)
        self.itself_s = (self._took - self.each_s * self._size) / self._n

    @property
    def most(self) -> int:
        """How many requests the next batch should hold, in [1, MOST]."""
        span = max(SPAN_S, 2 * (self.itself_s + self.each_s))
        return MOST if self.each_s * MOST <= span - self.itself_s else max(1, int((span - self.itself_s) / self.each_s))
