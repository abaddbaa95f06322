"""Soft clusters of codes and the target that sharpens them (Xie 2016, arXiv:1511.06335): what
``dec``, ``idec`` and ``scdeepcluster`` share.

    q_ij = (1 + |z_i - m_j|^2 / a)^(-(a + 1) / 2), normalised over j                         (1)
    p_ij = q_ij^2 / f_j, normalised over j,  f_j the mean of q_ij over the training cells    (2)
    KL(P || Q) of cell i = sum_j p_ij log(p_ij / q_ij)                                       (3)

The exponent of (1) is -(a + 1) / 2, all of it: some public codes divide after the power. P is a
constant of the loss, taken from Q as it was at the last refresh; of cells that are not trained on,
from Q as it is. Symbols to code: m is ``centres``, a is ``degrees_of_freedom``, f is
``frequencies``.

Use: in a model whose codes are drawn to cluster centres of their own.
Cost: a distance of every code to every centre, and k-means on all training cells once.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits
from torch import Tensor, nn

from latentbench.maths.random_streams import seed_of
from latentbench.models.interface import Minibatch, TrainingCells

N_STARTS = 20


class SoftClusters(nn.Module):
    """Cluster centres among the codes, with Student's kernel around each."""

    def __init__(self, n_clusters: int, n_latent: int, *, degrees_of_freedom: float = 1.0) -> None:
        super().__init__()
        self.degrees_of_freedom = degrees_of_freedom
        self.centres = nn.Parameter(torch.randn(1, n_clusters, n_latent))
        self.register_buffer("frequencies", torch.full((1, n_clusters), 1 / n_clusters))

    def log_probs(
        self, z: Float[Tensor, "replicas obs latent"]
    ) -> Float[Tensor, "replicas obs clusters"]:
        """Return log q, equation (1)."""
        squared = (z[:, :, None] - self.centres[:, None]).square().sum(-1)
        a = self.degrees_of_freedom
        return torch.log_softmax(-0.5 * (a + 1) * torch.log1p(squared / a), dim=-1)

    def probs(
        self, z: Float[Tensor, "replicas obs latent"]
    ) -> Float[Tensor, "replicas obs clusters"]:
        """Return q, equation (1)."""
        return torch.exp(self.log_probs(z))

    def log_target(
        self, log_probs: Float[Tensor, "replicas obs clusters"]
    ) -> Float[Tensor, "replicas obs clusters"]:
        """Return log p, equation (2)."""
        return torch.log_softmax(2 * log_probs - torch.log(self.frequencies)[:, None], dim=-1)

    def divergence(
        self, z: Float[Tensor, "replicas obs latent"], minibatch: Minibatch
    ) -> Float[Tensor, "replicas obs"]:
        """Return KL(P || Q), equation (3)."""
        log_q = self.log_probs(z)
        at_refresh = (
            log_q.detach()
            if minibatch.probs_at_refresh is None
            else torch.log(minibatch.probs_at_refresh)
        )
        log_p = self.log_target(at_refresh)
        return (torch.exp(log_p) * (log_p - log_q)).sum(-1)

    def refresh(self, probs: Float[Tensor, "replicas train clusters"]) -> None:
        """Take note of the frequencies f that the target of equation (2) needs."""
        self.frequencies.copy_(probs.mean(1))

    @torch.no_grad()
    def begin_phase(self, name: str, cells: TrainingCells) -> None:
        """Start the centres by k-means on the codes of the training cells when the phase
        ``cluster`` begins: the best of 20 starts, each replica its own.

        Raises:
            ValueError: a phase that is neither ``pretrain`` nor ``cluster``.
        """
        if name not in ("pretrain", "cluster"):
            raise ValueError(
                f"training.phases: '{name}' is no phase of this kind; it is trained in 'pretrain'"
                " and 'cluster', as config/models.yaml shows"
            )
        if name == "cluster":
            self.centres.copy_(kmeans_centres(cells.codes(), self.centres.shape[1], cells.seeds))


def kmeans_centres(
    codes: Float[Tensor, "replicas train latent"], n_clusters: int, seeds: Sequence[int]
) -> Float[Tensor, "replicas clusters latent"]:
    """Return the centres that k-means finds among the codes of each replica, the best of 20 starts,
    each from its own seed.
    """
    centres = []
    with threadpool_limits(1):  # the sums of several threads are rounded otherwise
        for each, seed in zip(codes.cpu().numpy(), seeds, strict=True):
            kmeans = KMeans(
                n_clusters, n_init=N_STARTS, random_state=seed_of(seed, "centres") % 2**32
            ).fit(each)
            centres.append(torch.from_numpy(kmeans.cluster_centers_))
    return torch.stack(centres).to(codes)
