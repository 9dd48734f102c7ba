"""A user's module: run from its source, what it binds to which name on which line, and what is wrong with it."""
