"""Experiments: which arm is better, and how sure can one be."""
