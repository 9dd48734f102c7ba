"""Choices for the tests of the thumbnail world."""

import numpy as np

from millrace.types import objects, size

SMALL = {"viewers": 60, "videos": 8, "artworks": 4, "artworks_per_day": 3, "requests_per_day": 400}


def cards(requests, artwork):
    """Return cards as decided rows; `artwork` holds artwork numbers, one for each request."""
    asked = {name: column for name, column in requests.items() if name != "id"}
    shown = objects([f"a{number}" for number in np.asarray(artwork).tolist()])
    return {"request": requests["id"], **asked, "candidate": shown, "rank": np.zeros(size(requests), np.int64)}


def first_of(requests, each=4):
    """Return choices that depend on the request alone, among the artworks of the beginning, so that a loop may be cut anywhere."""
    video = np.array([int(name[1:]) for name in requests["video"]], np.int64)
    number = np.array([int(name[1:]) for name in requests["id"]], np.int64)
    return cards(requests, video * each + number % each)
