"""What the consensus finds, and what must not change it."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from latentbench.evaluation.consensus import consensus
from latentbench.outcomes import Outcome, Unavailable


def noisy_members(n_obs=200, n_groups=4, n_members=6, share_wrong=0.25, seed=0):
    """Return the groups and several clusterings, each with a share of cells of its own at random
    and a numbering of its own.
    """
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, n_groups, n_obs)
    wrong = rng.random((n_members, n_obs)) < share_wrong
    return groups, [
        rng.permutation(n_groups)[np.where(each, rng.integers(0, n_groups, n_obs), groups)]
        for each in wrong
    ]


def every_fifth_is_test(members):
    return np.arange(len(members[0])) % 5 != 0


@pytest.mark.parametrize("n_clusters", [4, None])
def test_the_consensus_is_nearer_to_the_groups_than_any_member_in_training_and_test_cells(
    n_clusters,
):
    groups, members = noisy_members(n_obs=600, n_members=9)
    is_train = every_fifth_is_test(members)
    found = consensus(members, is_train=is_train, n_clusters=n_clusters, seed=0)
    for cells in (is_train, ~is_train):
        assert (
            adjusted_rand_score(groups[cells], found[cells])
            > max(adjusted_rand_score(groups[cells], member[cells]) for member in members) + 0.1
        )


@pytest.mark.parametrize("n_clusters", [5, None])
def test_identical_members_are_their_own_consensus(n_clusters):
    one = np.random.default_rng(0).choice(5, 300, p=[0.1, 0.3, 0.2, 0.15, 0.25])
    found = consensus(
        [one, 4 - one, one], is_train=np.arange(300) % 3 != 0, n_clusters=n_clusters, seed=3
    )
    assert adjusted_rand_score(found, one) == 1.0


@pytest.mark.parametrize("n_clusters", [4, None])
def test_numbering_of_clusters_and_order_of_members_change_nothing(n_clusters):
    _, members = noisy_members(n_obs=300, share_wrong=0.6)
    weights = [3.0, 1.0, 1.0, 2.0, 1.0, 1.0]
    options = {"is_train": every_fifth_is_test(members), "n_clusters": n_clusters, "seed": 0}
    expected = consensus(members, weights=weights, **options)
    rng = np.random.default_rng(1)
    for _ in range(5):
        order = rng.permutation(6)
        renumbered = [rng.permutation(50)[:4][members[m]] for m in order]
        assert np.array_equal(
            consensus(renumbered, weights=[weights[m] for m in order], **options), expected
        )


def test_clusters_are_numbered_by_falling_number_of_training_cells():
    _, members = noisy_members(share_wrong=0.4)
    is_train = every_fifth_is_test(members)
    sizes = np.bincount(consensus(members, is_train=is_train, n_clusters=4, seed=0)[is_train])
    assert list(sizes) == sorted(sizes, reverse=True)


def test_test_cells_are_not_fitted_and_join_the_training_cells_that_all_members_treat_alike():
    _, members = noisy_members()
    is_train = every_fifth_is_test(members)
    options = {"is_train": is_train, "n_clusters": 4, "seed": 0}
    found = consensus(members, **options)
    copied = [member.copy() for member in members]
    for member in copied:
        member[~is_train] = member[1]
    again = consensus(copied, **options)
    assert np.array_equal(found[is_train], again[is_train])
    assert set(again[~is_train]) == {again[1]}


def test_a_test_cell_in_a_cluster_without_training_cells_goes_by_the_other_members():
    one = np.repeat([0, 1], 20)
    unseen = one.copy()
    unseen[39] = 7
    found = consensus([one, one, unseen], is_train=np.arange(40) != 39, n_clusters=2, seed=0)
    assert found[39] == found[20]


def test_the_number_of_clusters_is_that_which_the_members_agree_on():
    """Each member cuts another of four groups in two: they count five and agree on four, which two
    members find; the median is five.
    """
    groups = np.repeat(np.arange(4), 100)
    rng = np.random.default_rng(0)
    members = [
        np.where((groups == cut) & (rng.random(400) < 0.5), 4, groups) for cut in (0, 1, 2, 3)
    ]
    found = consensus(
        [*members, groups, groups], is_train=np.ones(400, dtype=bool), n_clusters=None, seed=0
    )
    assert adjusted_rand_score(found, groups) == 1.0


def test_a_member_of_a_single_cluster_or_of_no_weight_changes_nothing():
    _, members = noisy_members()
    options = {"is_train": every_fifth_is_test(members), "n_clusters": 4, "seed": 0}
    expected = consensus(members, **options)
    assert np.array_equal(consensus([*members, np.full(200, 3)], **options), expected)
    assert np.array_equal(
        consensus([*members, members[0] % 2], weights=[1.0] * 6 + [0.0], **options), expected
    )


TWO = np.array([0, 0, 1, 1])
ONE = np.zeros(4, dtype=np.int64)


@pytest.mark.parametrize(
    ("members", "n_clusters", "outcome", "reason"),
    [
        ([], 2, Outcome.NOT_APPLICABLE, "there is none"),
        ([TWO], 2, Outcome.NOT_APPLICABLE, "there is 1"),
        ([ONE, ONE], 2, Outcome.DEGENERATE, "0 of 2"),
        ([TWO, ONE, ONE], None, Outcome.DEGENERATE, "1 of 3"),
        (
            [TWO, TWO],
            3,
            Outcome.NOT_APPLICABLE,
            "3 clusters declared, and the clusterings tell only 2 groups",
        ),
    ],
    ids=[
        "no member",
        "one member",
        "one cluster everywhere",
        "one telling member",
        "more clusters than signatures",
    ],
)
def test_what_has_no_consensus_says_why(members, n_clusters, outcome, reason):
    found = consensus(members, is_train=np.ones(4, dtype=bool), n_clusters=n_clusters, seed=0)
    assert isinstance(found, Unavailable)
    assert found.outcome == outcome
    assert reason in found.reason


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"members": [TWO, TWO[:3]]}, "member 1 has 3 cells, not 4"),
        ({"is_train": np.zeros(4, dtype=bool)}, "no training cell"),
        ({"weights": [1.0]}, "for 2 members"),
        ({"weights": [1.0, -1.0]}, "at least 0"),
        ({"weights": [0.0, 0.0]}, "not all of them 0"),
    ],
)
def test_a_callers_mistake_is_named(changes, words):
    options = {
        "members": [TWO, TWO],
        "is_train": np.ones(4, dtype=bool),
        "n_clusters": 2,
        "seed": 0,
        "weights": None,
        **changes,
    }
    with pytest.raises(ValueError, match=words):
        consensus(options.pop("members"), **options)
