import numpy as np
import pytest

from latentbench.answer.members import Members, given, members_of, together


@pytest.fixture(scope="session")
def planted():
    """A factory of groups of unequal size and of codes of two variants that hold them."""
    return planted_codes


def planted_codes(sizes=(300, 150, 80, 40), *, apart=6.0, n_latent=5, seed=0):
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(len(sizes)), sizes)
    codes = {}
    for variant in ("pca", "vae"):
        centres = rng.standard_normal((len(sizes), n_latent))
        centres *= apart / np.sqrt(n_latent)
        codes[variant, 0] = centres[groups] + rng.standard_normal((len(groups), n_latent))
    return groups, codes


@pytest.fixture(scope="session")
def planted_members(planted):
    groups, codes = planted(apart=10.0)
    return groups, members_from(codes)


def members_from(codes, **options):
    return together(
        [members_of(z, variant=name, seed=seed, **options) for (name, seed), z in codes.items()]
    )


def noisy_members(sizes=(120, 60, 30, 15), *, n_members=8, share_wrong=0.1, seed=0) -> tuple:
    """Return groups and clusterings that each put a share of cells of their own at random."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(len(sizes)), sizes)
    parts = []
    for number in range(n_members):
        wrong = rng.random(len(groups)) < share_wrong
        clusters = np.where(wrong, rng.integers(0, len(sizes), len(groups)), groups)
        parts.append(given(clusters, variant=f"model{number % 4}", seed=number // 4))
    members: Members = together(parts)
    return groups, members


@pytest.fixture(scope="session")
def noisy():
    return noisy_members


@pytest.fixture(scope="session")
def from_codes():
    return members_from
