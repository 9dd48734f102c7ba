import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.errors import BadInput
from millrace.experiments.graph_clusters import communities, components, cut, ego_clusters, neighbours


def villages(g, many=40, people=15, close=0.5, far=0.002):
    """Return (n, edges, village): people meet within their village, and seldom beyond."""
    n = many * people
    village = np.arange(n) // people
    one, other = np.triu_indices(n, 1)
    met = g.random(len(one)) < np.where(village[one] == village[other], close, far)
    return n, np.column_stack([one[met], other[met]]), village


@st.composite
def graphs(draw):
    n = draw(st.integers(1, 25))
    return n, np.array(draw(st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=40)), dtype=np.int64).reshape(-1, 2)


@given(graphs())
def test_components_are_those_found_by_walking(graph):
    n, edges = graph
    found = components(n, edges)
    reach = np.eye(n, dtype=bool)
    for one, other in edges:
        reach[one, other] = reach[other, one] = True
    for _ in range(n):
        reach = (reach.astype(int) @ reach.astype(int)) > 0
    assert ((found[:, None] == found) == reach).all()


@given(graphs(), st.randoms())
def test_communities_lie_within_components_and_do_not_depend_on_the_order_of_edges(graph, random):
    n, edges = graph
    found, whole = communities(n, edges), components(n, edges)
    assert all(len(set(whole[found == label])) == 1 for label in np.unique(found))
    order = list(range(len(edges)))
    random.shuffle(order)
    assert (communities(n, edges[order][:, ::-1]) == found).all()
    assert set(found) == set(range(found.max() + 1))


def test_villages_are_found():
    n, edges, village = villages(np.random.default_rng(0))
    found = communities(n, edges)
    assert len(set(zip(found.tolist(), village.tolist(), strict=True))) < 46  # nearly one community for a village
    assert cut(n, edges, found) < 2 * cut(n, edges, village)
    assert cut(n, edges, np.arange(n)) == 1.0


@given(graphs())
def test_ego_networks_do_not_overlap(graph):
    n, edges = graph
    egos, cluster = ego_clusters(n, edges)
    both = neighbours(n, edges)
    for k, ego in enumerate(egos):
        assert cluster[ego] == 2 * k
        assert (cluster[both[both[:, 0] == ego, 1]] == 2 * k + 1).all()
    assert len(set(egos.tolist())) == len(egos)


def test_no_more_egos_are_taken_than_asked_for():
    n, edges, _ = villages(np.random.default_rng(0))
    assert len(ego_clusters(n, edges, most=7)[0]) == 7


@pytest.mark.parametrize("edge", [[0, 5], [-1, 2]])
def test_an_edge_to_nobody_is_refused(edge):
    with pytest.raises(BadInput, match="an edge names unit"):
        components(3, np.array([edge]))
