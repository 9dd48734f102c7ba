"""What a system may grow into, each chosen by its URL and imported by that name alone."""
