"""The images of the thumbnail world: what an artwork looks like can be told from them, by an encoder that learned nothing."""

import numpy as np

from millrace.systems.thumbnails import Glance
from millrace.types import objects
from millrace.worlds.thumbnails_images import SIDE, images


def painted(n: int, seed: int):
    g = np.random.default_rng(seed)
    mood, looks = g.integers(0, 5, n), g.normal(size=(n, 3))
    return mood, looks, images(mood, looks, g)


def test_looks_can_be_told_from_what_is_seen_at_a_glance():
    mood, looks, image = painted(1_000, 1)
    assert image.shape == (1_000, SIDE * SIDE * 3)
    seen = Glance().encode(objects(one.tobytes() for one in image))
    assert seen.shape == (1_000, Glance.dimensions)
    x = np.column_stack([seen, np.eye(5)[mood]])
    weights = np.linalg.lstsq(x[:500], looks[:500])[0]
    error = looks[500:] - x[500:] @ weights
    told = 1 - error.var(axis=0) / looks[500:].var(axis=0)
    assert (told > [0.98, 0.95, 0.8]).all(), told


def test_an_encoder_says_of_an_image_what_it_says_of_it_alone():
    _, _, image = painted(20, 2)
    texts = objects(one.tobytes() for one in image)
    together = Glance().encode(texts)
    for place in range(20):
        np.testing.assert_array_equal(together[place], Glance().encode(texts[place : place + 1])[0])


def test_what_is_no_such_image_is_missing():
    seen = Glance().encode(objects([b"\x89PNG", bytes(SIDE * SIDE * 3)]))
    assert np.isnan(seen[0]).all()
    assert (seen[1] == 0).all()


def test_no_artwork_makes_no_image():
    assert images(np.zeros(0, np.int64), np.zeros((0, 3)), np.random.default_rng(0)).shape == (0, SIDE * SIDE * 3)
