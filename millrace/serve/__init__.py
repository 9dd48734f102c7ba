"""Serving: the engine that decides and logs, the facts it decides on, and the HTTP API in front of it."""
