"""The online view in Redis: one process publishes it, any number read it, each as of an instant of its own."""
