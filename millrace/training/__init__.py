"""What learns: attribution, splits, sampling, gates."""
