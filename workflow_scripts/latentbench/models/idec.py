"""Improved deep embedded clustering (Guo 2017, doi:10.24963/ijcai.2017/243): the codes of ``dec``
with the decoder kept, so that they stay codes of the data.

    z = e(x)                                                                 (1)
    loss(x) = -log p(x | d(z)) + gamma n/2 KL(P || Q)                        (2)

P and Q are those of ``dec``. The phase ``pretrain`` leaves the second term out (``term_weights:
{clustering: 0}``), the phase ``cluster`` has both. Symbols to code: e is ``encoder``, d is
``decoder``; P and Q are of ``clusters`` (soft_clusters.py). n is the number of variables: the paper
adds gamma KL to a squared error averaged over them, and -log p of a unit Gaussian is n/2 times that
and a constant, so that gamma means here what it means there. Deviations: those of ``dec``.

Use: where ``dec`` would be used: the reconstruction keeps clusters from drawing unlike cells
together.
Cost: one pass of encoder and decoder a step, and all training cells through the encoder at every
refresh.
"""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from latentbench.maths.distributions import Distribution
from latentbench.maths.likelihoods import AbstractLikelihood
from latentbench.models.blocks import MLP, Decoder, mirrored
from latentbench.models.interface import AbstractClusteringModel, Minibatch, TrainingCells
from latentbench.models.soft_clusters import SoftClusters


class ImprovedDeepEmbeddedClustering(AbstractClusteringModel):
    """IDEC with any likelihood; ``n_hidden`` are the widths of the encoder's hidden layers, the
    decoder's in reverse.
    """

    generative = "p(x|z)"
    inference = "z = e(x), q(y|z)"
    linear_in_log_prob = True

    def __init__(
        self,
        n_vars: int,
        *,
        likelihood: AbstractLikelihood,
        n_clusters: int,
        n_latent: int = 10,
        n_hidden: int | Sequence[int] = (500, 500, 2000),
        degrees_of_freedom: float = 1.0,
        gamma: float = 0.1,
    ) -> None:
        super().__init__()
        self.likelihood, self.clustering_weight = likelihood, gamma * n_vars / 2
        self.encoder = MLP(n_vars, n_latent, n_hidden=n_hidden, batch_norm=False)
        self.decoder = Decoder(
            n_latent, likelihood.n_outputs, n_hidden=mirrored(n_hidden), batch_norm=False
        )
        self.clusters = SoftClusters(n_clusters, n_latent, degrees_of_freedom=degrees_of_freedom)

    def px(self, z: Float[Tensor, "replicas obs latent"], minibatch: Minibatch) -> Distribution:
        """Return p(x | d(z))."""
        return self.likelihood(self.decoder(z), minibatch.library_size)

    def loss_terms(self, minibatch: Minibatch) -> dict[str, Float[Tensor, "replicas obs"]]:
        """Return the two terms of equation (2)."""
        z = self.embed(minibatch)
        clustering = self.clustering_weight * self.clusters.divergence(z, minibatch)
        return {
            "reconstruction": -self.px(z, minibatch).log_prob(minibatch.x),
            "clustering": clustering,
        }

    def embed(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs latent"]:
        """Return z = e(x)."""
        return self.encoder(minibatch.inputs)

    def reconstruct(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs vars"]:
        """Return E[x] at e(x)."""
        return self.px(self.embed(minibatch), minibatch).mean

    def cluster_probs(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs clusters"]:
        """Return Q."""
        return self.clusters.probs(self.embed(minibatch))

    def refresh(self, cluster_probs: Float[Tensor, "replicas train clusters"]) -> None:
        """Take note of the frequencies of the clusters."""
        self.clusters.refresh(cluster_probs)

    def begin_phase(self, name: str, cells: TrainingCells) -> None:
        """Start the centres when the phase ``cluster`` begins."""
        self.clusters.begin_phase(name, cells)
