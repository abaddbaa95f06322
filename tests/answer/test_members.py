"""The fixed set of clusterings of a code, and what each counts for."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from latentbench.answer.members import (
    effective_number,
    given,
    members_of,
    pairwise_ari,
    together,
    without_batch,
)


def test_members_differ_in_granularity_and_clusterer(planted_members):
    _, members = planted_members
    assert {name.split()[0] for name in members.clusterer} == {"leiden", "full", "diag"}
    assert members.granularity.min() < 4
    assert members.granularity.max() > 8
    assert members.clusters.dtype == np.int32


def test_the_order_of_cells_is_of_no_effect(planted):
    _, codes = planted()
    z = codes["pca", 0]
    order = np.random.default_rng(1).permutation(len(z))
    one, other = (members_of(each, variant="pca", seed=0) for each in (z, z[order]))
    for before, after in zip(one.clusters, other.clusters, strict=True):
        assert adjusted_rand_score(before[order], after) == 1.0


def test_own_clusters_are_a_member_and_one_cluster_is_none(planted):
    groups, codes = planted()
    z = codes["pca", 0]
    members = members_of(z, variant="gmvae", seed=0, own=groups)
    assert members.clusterer[-1] == "own"
    members = members_of(z, variant="gmvae", seed=0, own=np.zeros_like(groups))
    assert "own" not in members.clusterer


def test_every_variant_counts_alike_whatever_the_number_of_its_members(planted):
    groups, codes = planted()
    two = members_of(codes["pca", 0], variant="pca", seed=0)
    one = given(groups, variant="theirs")
    members = together([two, one, given(groups, variant="ours")])
    variant = np.array(members.variant)
    shares = {name: members.weight[variant == name].sum() for name in members.variants}
    assert shares["ours"] == pytest.approx(shares["theirs"])
    assert shares["pca"] == pytest.approx(shares["ours"], rel=0.6)
    assert members.weight.sum() == pytest.approx(1)


def test_more_fine_members_have_no_more_say(noisy):
    groups, members = noisy()
    fine = np.arange(len(groups)) // 5
    often = [given(fine, variant="model0", seed=number) for number in range(10)]
    once = together([members, *often[:1]])
    many = together([members, *often])
    ratio = [
        each.weight[each.granularity > 10].sum() / each.weight[each.granularity < 10].sum()
        for each in (once, many)
    ]
    assert ratio[1] == pytest.approx(ratio[0], rel=0.05)


def test_a_member_that_agrees_with_nobody_counts_less(noisy):
    groups, members = noisy()
    rng = np.random.default_rng(5)
    joined = together([members, given(rng.permutation(groups), variant="stray")])
    stray = joined.weight[np.array(joined.variant) == "stray"].sum()
    assert stray < 0.05 < 1 / len(joined.variants)


def test_pairwise_ari_is_scikit_learns(noisy):
    _, members = noisy()
    expected = [
        [adjusted_rand_score(one, other) for other in members.clusters] for one in members.clusters
    ]
    np.testing.assert_allclose(pairwise_ari(members.clusters), expected, atol=1e-12)


def test_the_effective_number_of_equal_clusters_is_their_number():
    assert effective_number(np.repeat(np.arange(5), 7)) == pytest.approx(5)


def test_a_batch_is_taken_out_where_its_cells_are_neighbours_of_the_others(planted):
    groups, codes = planted(apart=10.0)
    z = codes["pca", 0]
    batch = np.random.default_rng(2).integers(0, 2, len(z))
    shifted = z + 3.0 * batch[:, None] * np.array([1.0, -1, 0, 0, 0])
    corrected = without_batch(shifted, batch, fitted=np.arange(len(z)), seed=0)
    gaps = [
        np.abs(
            corrected[(groups == group) & (batch == 0)].mean(0)
            - corrected[(groups == group) & (batch == 1)].mean(0)
        ).max()
        for group in range(4)
    ]
    assert max(gaps) < 1.5


def test_a_code_that_is_not_finite_is_refused_by_name():
    z = np.zeros((20, 2))
    z[3, 1] = np.nan
    with pytest.raises(ValueError, match="vae: the code of cell 3 is nan in dimension 1"):
        members_of(z, variant="vae", seed=0)


def test_clusterings_of_different_cells_are_refused():
    parts = [given(np.arange(n) % 2, variant="a") for n in (10, 12)]
    with pytest.raises(ValueError, match="same"):
        together(parts)
