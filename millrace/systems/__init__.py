"""The reference systems: one module each, written against `import millrace` only."""
