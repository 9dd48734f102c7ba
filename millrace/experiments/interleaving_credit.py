"""Whose merit is a click on an interleaved slate? One rule for each way of merging, over arrays of requests, arms and places."""

from __future__ import annotations

from itertools import permutations

import numpy as np

from millrace.decision import DECAY
from millrace.types import Array


def team_credit(team: Array, reward: Array, arms: int) -> Array:
    """Return what the picks of each arm earned. Shape (requests, arms).

    A round gives every arm one place and a coin says which, so rewards that only go by the place favour nobody. Its weakness: who picks a
    row that both would have picked there is a coin's throw, and all such rows together hide the few that differ; see `draft_credit`.

    Args:
        team: The position of the arm whose pick each place is, -1 for nobody's. Shape (requests, places).
        reward: What came of each place, 0 or more. Shape (requests, places).
        arms: How many there are.

    Source: Radlinski, Kurup & Joachims (2008), How Does Clickthrough Data Reflect Retrieval Quality?; Schuth et al. (2014).

    >>> team_credit(np.array([[0, 1, 1, 0]]), np.array([[0, 1, 1, 0]]), 2).tolist()
    [[0.0, 2.0]]
    """
    return np.stack([np.where(team == arm, reward, 0.0).sum(axis=1) for arm in range(arms)], axis=1)


def draft_credit(ranks: Array, drafted: Array, reward: Array) -> Array:
    """Return what each arm earned of a team draft, on average over all drafts that make the same slate. Shape (requests, arms).

    It is `team_credit` with the luck taken out that says nothing: its mean given the slate (Rao & Blackwell), so it is as unbiased and
    never varies more. Two equal slates come out equal instead of by the throw of coins. Given the rows above, the rounds do not depend on
    each other, so each is averaged by itself.

    Args:
        ranks: At which place each arm's own slate has the row at each place, from 0; -1 where it has not. Shape (requests, arms, places).
        drafted: How many places the arms competed for; what lies below counts for nobody. Shape (requests,).
        reward: What came of each place, 0 or more. Shape (requests, places).

    >>> draft_credit(np.array([[[0, 1], [0, 1]]]), np.array([2]), np.array([[1, 0]])).tolist()  # whoever picked it
    [[0.5, 0.5]]
    """
    n, arms, places = ranks.shape
    could, within = _could_pick(ranks), np.arange(places) < drafted[:, None]
    share = np.zeros((n, arms, places))
    for start in range(0, places, arms):
        turn = min(arms, places - start)
        ways = np.zeros((n, 1, 1))
        for order in permutations(range(arms), turn):
            goes = np.ones(n, dtype=bool)
            for place, arm in enumerate(order, start):
                goes &= could[:, arm, place] | ~within[:, place]
            ways[goes] += 1
            for place, arm in enumerate(order, start):
                share[goes, arm, place] += 1
        share[:, :, start : start + turn] /= np.maximum(ways, 1)
    return (share * np.where(within, reward, 0.0)[:, None, :]).sum(axis=2)


def _could_pick(ranks: Array) -> Array:
    """Return whether the row at each place is the best that an arm has left, given those above. Shape (requests, arms, places)."""
    above = np.tri(ranks.shape[2], k=-1, dtype=bool)
    better = (ranks[:, :, None, :] < ranks[:, :, :, None]) & (ranks[:, :, None, :] >= 0) & above
    return (ranks >= 0) & (better.sum(axis=3) == ranks)


def balanced_credit(ranks: Array, drafted: Array, reward: Array) -> Array:
    """Return what each of two arms earned of a balanced slate. Shape (requests, 2).

    The lowest row that earned anything says how far was looked: both slates are cut at the better of the two places they give it, and
    credited with what earned something above. Its weakness: of two rankings that are alike but shifted, random clicks favour one.

    Args:
        ranks: At which place each arm's own slate has the row at each place, from 0; -1 where it has not. Shape (requests, 2, places).
        drafted: How many places both arms competed for; what lies below counts for nobody. Shape (requests,).
        reward: What came of each place, 0 or more. Shape (requests, places).

    Source: Joachims (2003), Evaluating Retrieval Performance Using Clickthrough Data; Chapelle, Joachims, Radlinski & Yue (2012),
    Large-Scale Validation and Analysis of Interleaved Search Evaluation, section 3.1.

    >>> balanced_credit(np.array([[[0, 1, 2], [2, 0, 1]]]), np.array([3]), np.array([[0, 0, 1]])).tolist()  # (a, b, c) and (b, c, a)
    [[0.0, 1.0]]
    """
    earned = np.where(np.arange(reward.shape[1]) < drafted[:, None], reward, 0.0)
    if not earned.size:
        return np.zeros((len(reward), 2))
    last = reward.shape[1] - 1 - np.argmax(earned[:, ::-1] > 0, axis=1)
    depth = np.where(ranks < 0, ranks.shape[2] + np.max(ranks, initial=0) + 1, ranks)
    cut = np.take_along_axis(depth, last[:, None, None], axis=2).min(axis=1, keepdims=True)
    return (earned[:, None, :] * (depth <= cut)).sum(axis=2)


def probabilistic_credit(ranks: Array, depths: Array, reward: Array) -> Array:
    """Return what each arm earned of a probabilistic slate, on average over all ways in which the arms may have made it.

    Who in fact picked a place is not looked at: given the rows above it, each arm had a known chance to put that row there, and a reward
    is shared in their proportion. The average over all assignments is the sum over places, since the arms draw anew at each. Rewards that
    only go by the place favour nobody.

    Args:
        ranks: At which place each arm's own slate has the row at each place, from 0; -1 where it has not. Shape (requests, arms, places).
        depths: How long each arm's own slate is. Places beyond the shortest count for nobody. Shape (requests, arms).
        reward: What came of each place, 0 or more. Shape (requests, places).

    Source: Hofmann, Whiteson & de Rijke (2011), A Probabilistic Method for Inferring Preferences from Clicks; of several arms, Schuth et
    al. (2015), Probabilistic Multileave for Online Retrieval Evaluation.

    >>> probabilistic_credit(np.array([[[0, 1], [1, 0]]]), np.array([[2, 2]]), np.array([[1, 0]])).round(3).tolist()  # 1 against 1/8
    [[0.889, 0.111]]
    """
    longest = int(max(depths.max(initial=0), ranks.max(initial=0) + 1))
    weights = np.concatenate([np.arange(1, longest + 1, dtype=np.float64) ** -DECAY, [0.0]])  # a rank of -1 has the last, 0
    totals = np.concatenate([[0.0], np.cumsum(weights[:-1])])[depths]
    weight = weights[ranks]
    left = totals[:, :, None] - (np.cumsum(weight, axis=2) - weight)
    chance = np.divide(weight, left, out=np.zeros_like(weight), where=weight > 0)
    either = chance.sum(axis=1, keepdims=True)
    share = np.divide(chance, either, out=np.zeros_like(chance), where=either > 0)
    earned = np.where(np.arange(reward.shape[1]) < depths.min(axis=1)[:, None], reward, 0.0)
    return (share * earned[:, None, :]).sum(axis=2)
