"""Public data sets: where they come from, under which licence, how they are read and how a system is tried on them."""
