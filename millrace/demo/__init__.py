"""The demonstration: a system lives some weeks in its world, and a page tells what happened."""
