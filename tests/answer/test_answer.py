"""The whole answer: what it finds, what it must not depend on, and when there is none."""

import inspect

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from latentbench.answer import answer as module
from latentbench.answer.answer import find_groups
from latentbench.answer.members import given, members_of
from latentbench.answer.null import null_agreement
from latentbench.outcomes import Outcome, Unavailable


def test_planted_groups_of_unequal_size_are_found_from_codes(planted_members):
    groups, members = planted_members
    answer = find_groups(members, n_resamples=10)
    assert answer.n_found == 4
    assert answer.interval[0] <= 4 <= answer.interval[1]
    assert adjusted_rand_score(groups, answer.groups) > 0.98
    assert (np.diff(answer.table["cells"]) <= 0).all()
    assert answer.choice.variant in members.variants
    assert answer.choice.table["chance"].sum() == pytest.approx(1)


def test_a_declared_number_is_honoured_and_the_found_one_stands_beside_it(planted_members):
    _, members = planted_members
    answer = find_groups(members, n_clusters=3, n_resamples=5)
    assert answer.n_groups == 3
    assert answer.n_found == 4


def test_structureless_codes_are_one_group(planted, from_codes):
    rng = np.random.default_rng(0)
    latent = rng.standard_normal((500, 6))
    codes = {
        (name, 0): latent @ rng.standard_normal((6, 5)) + 0.3 * rng.standard_normal((500, 5))
        for name in ("pca", "vae")
    }
    answer = find_groups(from_codes(codes), null=null_agreement(codes), n_resamples=5)
    assert answer.n_found == 1
    planted_of = planted(apart=10.0)[1]
    answer = find_groups(from_codes(planted_of), null=null_agreement(planted_of), n_resamples=5)
    assert answer.n_found == 4


@pytest.mark.parametrize("n_groups", [2, 3])
@pytest.mark.parametrize("latent", [2, 4, 10])
def test_few_clear_groups_are_not_one(n_groups, latent, from_codes):
    rng = np.random.default_rng(latent)
    groups = rng.choice(n_groups, 400)
    turn = 2 * np.pi * groups / n_groups
    middle = np.zeros((400, latent))
    middle[:, :2] = 6 * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    codes = {(name, 0): middle + rng.normal(size=middle.shape) for name in ("pca", "vae")}
    answer = find_groups(from_codes(codes), null=null_agreement(codes), n_resamples=5)
    assert answer.n_found == n_groups
    assert adjusted_rand_score(groups, answer.groups) > 0.97


def test_labels_are_not_within_reach():
    parameters = inspect.signature(find_groups).parameters
    assert not [name for name in parameters if "label" in name or "truth" in name]
    assert "labels" not in inspect.getsource(module).replace("latentbench", "").split('"""', 2)[2]


def test_the_order_of_cells_is_of_no_effect_and_the_same_seed_gives_the_same_bytes(
    planted, from_codes
):
    _, codes = planted()
    order = np.random.default_rng(1).permutation(570)
    shuffled = {key: z[order] for key, z in codes.items()}
    one, again, other = (
        find_groups(from_codes(each), n_resamples=5) for each in (codes, codes, shuffled)
    )
    assert one.groups.tobytes() == again.groups.tobytes()
    assert one.certainty.tobytes() == again.certainty.tobytes()
    assert one.table.equals(again.table)
    assert adjusted_rand_score(one.groups[order], other.groups) == 1.0
    assert one.n_found == other.n_found
    assert one.choice.variant == other.choice.variant


def test_the_last_word_is_that_of_held_out_data(planted_members):
    _, members = planted_members
    answer = find_groups(members, told_apart=np.zeros_like, n_resamples=5)
    assert answer.n_found == answer.n_groups == 1


def test_supports_are_told_apart(planted, from_codes):
    _, codes = planted(apart=10.0)
    part = np.arange(0, 570, 2)
    resampled = [from_codes(codes, fitted_on=part)]
    answer = find_groups(from_codes(codes), resampled=resampled, n_resamples=5)
    assert answer.table["support_cells"].min() > 0.9
    assert answer.table["support_variants"].min() > 0.9
    assert answer.table["support_seeds"].isna().all()


def test_what_cannot_be_had_is_typed(planted):
    groups, codes = planted()
    answer = find_groups(given(groups, variant="theirs"))
    assert isinstance(answer, Unavailable)
    assert answer.outcome == Outcome.NOT_APPLICABLE
    members = members_of(codes["pca", 0], variant="pca", seed=0)
    answer = find_groups(members, n_clusters=500)
    assert "500 groups declared" in answer.reason
