"""Spending functions: how much of the chance of a false alarm may be used up by when."""

from __future__ import annotations

from typing import Literal

import msgspec
import numpy as np
from scipy import special

from millrace.errors import BadInput
from millrace.types import Array

Convention = Literal["each side", "both sides"]


class ObrienFleming(msgspec.Struct, frozen=True, tag=True):
    """Spending like O'Brien and Fleming's boundaries: nearly nothing early, so the last look is hardly stricter than a single one.

    For two-sided tests at the level a, two readings of the same formula are in use, and they differ:

    - "each side" (the default; ldbounds, gsDesign, rpact): each side spends 2 (1 - Phi(z(a / 4) / sqrt t)) of its own a / 2,
      4 (1 - Phi(z(a / 4) / sqrt t)) together;
    - "both sides": 2 (1 - Phi(z(a / 2) / sqrt t)) is spent by both together. It spends more early.

    Attributes:
        convention: Which of them; of no account in one-sided tests, which spend 2 (1 - Phi(z(a / 2) / sqrt t)).

    Source: Lan & DeMets (1983), Discrete Sequential Boundaries for Clinical Trials.
    """

    convention: Convention = "each side"

    def spent(self, t: Array, alpha: float, sides: int) -> Array:
        """Return how much of alpha is spent, by all sides together, by the part t of the information. Shape (n,)."""
        parts = sides if self.convention == "each side" else 1
        return parts * 2 * special.ndtr(special.ndtri(alpha / parts / 2) / np.sqrt(t))

    def said(self, sides: int) -> str:
        """Return the function in words, with the convention where there are two."""
        if sides == 1:
            return "O'Brien-Fleming-like spending, 2(1 - Φ(z(α/2)/√t))"
        if self.convention == "each side":
            return "O'Brien-Fleming-like spending, each side its half: 4(1 - Φ(z(α/4)/√t)) together"
        return "O'Brien-Fleming-like spending, both sides together: 2(1 - Φ(z(α/2)/√t))"


class Pocock(msgspec.Struct, frozen=True, tag=True):
    """Spending like Pocock's boundaries: about as strict at each look, so it stops early often and pays at the end.

    Source: Lan & DeMets (1983).
    """

    def spent(self, t: Array, alpha: float, sides: int) -> Array:
        """Return how much of alpha is spent by the part t of the information. Shape (n,)."""
        return alpha * np.log1p((np.e - 1) * np.asarray(t))

    def said(self, sides: int) -> str:
        """Return the function in words."""
        return "Pocock-like spending, α ln(1 + (e - 1)t)"


class Power(msgspec.Struct, frozen=True, tag=True):
    """Spending by a power of the information: alpha t ** rho; 3 is near O'Brien-Fleming, 1 near Pocock.

    Attributes:
        rho: The power, above 0.

    Source: Kim & DeMets (1987), Design and Analysis of Group Sequential Tests Based on the Type I Error Spending Rate Function.
    """

    rho: float = 3.0

    def __post_init__(self) -> None:
        if not self.rho > 0:
            raise BadInput(f"Power(rho={self.rho}): must be above 0")

    def spent(self, t: Array, alpha: float, sides: int) -> Array:
        """Return how much of alpha is spent by the part t of the information. Shape (n,)."""
        return alpha * np.asarray(t, dtype=np.float64) ** self.rho

    def said(self, sides: int) -> str:
        """Return the function in words."""
        return f"power spending, α t^{self.rho:g}"


class HwangShihDeCani(msgspec.Struct, frozen=True, tag=True):
    """Spending by an exponential: alpha (1 - exp(-gamma t)) / (1 - exp(-gamma)); -4 is near O'Brien-Fleming, 1 near Pocock.

    Attributes:
        gamma: Below 0 spends late, above 0 early; 0 evenly.

    Source: Hwang, Shih & DeCani (1990), Group Sequential Designs Using a Family of Type I Error Probability Spending Functions.
    """

    gamma: float = -4.0

    def spent(self, t: Array, alpha: float, sides: int) -> Array:
        """Return how much of alpha is spent by the part t of the information. Shape (n,)."""
        if self.gamma == 0:
            return alpha * np.asarray(t, dtype=np.float64)
        return alpha * np.expm1(-self.gamma * np.asarray(t)) / np.expm1(-self.gamma)

    def said(self, sides: int) -> str:
        """Return the function in words."""
        return f"Hwang-Shih-DeCani spending, γ = {self.gamma:g}"


Spending = ObrienFleming | Pocock | Power | HwangShihDeCani
