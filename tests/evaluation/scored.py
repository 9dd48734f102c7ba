"""Small random rows of a scorer, with ties and unequal weights."""

import numpy as np
from hypothesis import strategies as st


@st.composite
def rows(draw, labels=(0.0, 1.0), scores=(0.0, 0.1, 0.5, 0.5000001, 0.9, 1.0), weights=(0.0, 0.5, 1.0, 7.0)):
    """Return (score, label, weight), some weight above 0."""
    row = st.tuples(st.sampled_from(scores), st.sampled_from(labels), st.sampled_from(weights))
    some = draw(st.lists(row, min_size=1, max_size=30).filter(lambda rows: any(weight for _, _, weight in rows)))
    return tuple(np.array(column) for column in zip(*some, strict=True))
