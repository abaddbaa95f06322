"""How far members agree where there is one group: on one Gaussian with the means and covariances
of all codes together.

With Z the codes of all variants and seeds side by side, centred, (n, latent of all), and G of
independent standard normals, (drawn, n), the rows of

    G Z / sqrt(n)                                                                           (1)

are independent Gaussians with the covariance of Z: codes that agree with each other as
far as the real ones do, without groups."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Int

from latentbench.answer.cut import Agreement, agreement_of
from latentbench.answer.members import members_of, together
from latentbench.answer.tree import grow

N_DRAWN, N_DESCRIBED = 1_500, 5_000
"""Cells that are drawn, and cells that give the covariance, at most."""


def null_agreement(
    codes: Mapping[tuple[str, int], Float[np.ndarray, "obs _"]],
    *,
    batch: Int[np.ndarray, " obs"] | None = None,
    seed: int = 0,
) -> Agreement:
    """Return how far members agree with the cuts of their tree on a draw of equation (1);
    ``codes`` by variant and seed.
    """
    rng = np.random.default_rng(seed)
    parts = [codes[key] for key in sorted(codes)]
    n_obs = len(parts[0])
    chosen = np.arange(n_obs)
    if n_obs > N_DESCRIBED:
        chosen = np.sort(rng.choice(n_obs, N_DESCRIBED, replace=False))
    real = np.concatenate([part[chosen] for part in parts], axis=1).astype(np.float64)
    if batch is not None:
        for each in np.unique(batch[chosen]):
            real[batch[chosen] == each] -= real[batch[chosen] == each].mean(axis=0)
    real -= real.mean(axis=0)
    bounds = np.cumsum([part.shape[1] for part in parts])[:-1]
    drawn = rng.standard_normal((min(N_DRAWN, n_obs), len(chosen))) @ real / len(chosen) ** 0.5
    members = together(
        [
            members_of(z, variant=variant, seed=number)
            for (variant, number), z in zip(
                sorted(codes), np.split(drawn, bounds, axis=1), strict=True
            )
        ]
    )
    return agreement_of(grow(members, seed=seed), members)
