"""The log: append, read, replay, compact, import."""
