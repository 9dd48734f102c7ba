"""How good a scorer is, from its scores and what happened: pure functions of arrays."""
