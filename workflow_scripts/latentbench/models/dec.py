"""Deep embedded clustering (Xie 2016, arXiv:1511.06335): an autoencoder's codes are drawn towards
cluster centres until they are clusters.

    z = e(x)                                                                                  (1)
    loss(x) = KL(P || Q),  Q by Student's kernel around the centres, P its sharpened target   (2)

First, in the phase ``pretrain``, the loss is that of an autoencoder, -log p(x | d(z)); then, in the
phase ``cluster``, (2) alone. The phases say which of the two terms counts: ``term_weights:
{clustering: 0}`` in the first, ``{reconstruction: 0}`` in the second. Symbols to code: e is
``encoder``, d is ``decoder``; P and Q are of ``clusters`` (soft_clusters.py). Deviations: the paper
pretrains layer by layer with dropout and trains by SGD; here all layers at once, by Adam. No batch
normalisation, as in the paper: the codes that k-means starts from and those that are trained must
be the same function of a cell.

Use: as the reference of deep clustering; without the decoder in its second phase it may draw unlike
cells together.
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


class DeepEmbeddedClustering(AbstractClusteringModel):
    """DEC with any likelihood; ``n_hidden`` are the widths of the encoder's hidden layers, the
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
    ) -> None:
        super().__init__()
        self.likelihood = likelihood
        self.encoder = MLP(n_vars, n_latent, n_hidden=n_hidden, batch_norm=False)
        self.decoder = Decoder(
            n_latent, likelihood.n_outputs, n_hidden=mirrored(n_hidden), batch_norm=False
        )
        self.clusters = SoftClusters(n_clusters, n_latent, degrees_of_freedom=degrees_of_freedom)

    def px(self, z: Float[Tensor, "replicas obs latent"], minibatch: Minibatch) -> Distribution:
        """Return p(x | d(z))."""
        return self.likelihood(self.decoder(z), minibatch.library_size)

    def loss_terms(self, minibatch: Minibatch) -> dict[str, Float[Tensor, "replicas obs"]]:
        """Return the autoencoder's loss and that of equation (2)."""
        z = self.embed(minibatch)
        return {
            "reconstruction": -self.px(z, minibatch).log_prob(minibatch.x),
            "clustering": self.clusters.divergence(z, minibatch),
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
