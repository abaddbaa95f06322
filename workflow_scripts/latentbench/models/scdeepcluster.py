"""scDeepCluster (Tian 2019, doi:10.1038/s42256-019-0037-0): deep clustering of counts, on the
codes of a denoising autoencoder with a ZINB likelihood.

    z = e(x),  z' = e(x + noise)                                             (1)
    loss(x) = -log p(x | d(z')) + gamma n KL(P || Q)                         (2)

P and Q are those of ``dec``, of the codes z without noise; n is the number of variables, over which
the paper averages its likelihood. The phase ``pretrain`` leaves the second term out
(``term_weights: {clustering: 0}``), the phase ``cluster`` has both. What the encoder reads: log(1 +
x) of counts, as everywhere here; the paper's reads normalised values, each gene scaled to variance
one. So that ``noise`` means the same, it is in units of each variable's own standard deviation over
the minibatch; there is none outside training. Symbols to code: e is ``encoder``, d is ``decoder``;
P and Q are of ``clusters`` (soft_clusters.py). Deviations, all of them, from the authors' code:
noise on what the encoder reads alone (theirs: before every hidden activation of the encoder as
well, sd 2.5 in the units of each); a dispersion for every gene (theirs: for every cell and gene,
from the network); the mean is a share of the library size, so that shares sum to one (theirs: exp
of an output, between 1e-5 and 1e6, times a size factor, the library size over its median); the
genes that preprocessing keeps, by default the variable ones (theirs: all); Adam in both phases
(theirs: Adam with AMSGrad, then Adadelta); weights start uniform within 1/sqrt(n_in) (theirs:
Glorot); the number of epochs is the variant's (theirs: up to 400, ended where the training loss has
not fallen for 50, then until .1 % of the cells move); minibatches are drawn anew in the second
phase (theirs: in the cells' order); a refresh after a number of steps, not after every epoch.

Use: for counts with many dropouts, and as the reference of deep clustering of cells.
Cost: two passes of the encoder (one of them on dense values) and one of the decoder a step, and all
training cells through the encoder at every refresh.
"""

from collections.abc import Sequence
from typing import Annotated

from jaxtyping import Float
from torch import Tensor

from latentbench.kernels.sparse_rows import SparseCells
from latentbench.maths.distributions import Distribution
from latentbench.maths.likelihoods import AbstractLikelihood
from latentbench.maths.random_streams import standard_normal_like
from latentbench.models.blocks import MLP, Decoder, mirrored
from latentbench.models.interface import AbstractClusteringModel, Minibatch, TrainingCells
from latentbench.models.soft_clusters import SoftClusters
from latentbench.study.options import Option


class ScDeepCluster(AbstractClusteringModel):
    """scDeepCluster with any likelihood; ``n_hidden`` are the widths of the encoder's hidden
    layers, the decoder's in reverse.
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
        n_latent: int = 32,
        n_hidden: int | Sequence[int] = (256, 64),
        degrees_of_freedom: float = 1.0,
        gamma: float = 1.0,
        noise: Annotated[
            float,
            Option(
                "standard deviation of the noise that the encoder reads in training, in units of"
                " each variable's own",
                at_least=0,
            ),
        ] = 2.5,
    ) -> None:
        super().__init__()
        self.likelihood, self.noise, self.clustering_weight = likelihood, noise, gamma * n_vars
        self.encoder = MLP(n_vars, n_latent, n_hidden=n_hidden, batch_norm=False)
        self.decoder = Decoder(
            n_latent, likelihood.n_outputs, n_hidden=mirrored(n_hidden), batch_norm=False
        )
        self.clusters = SoftClusters(n_clusters, n_latent, degrees_of_freedom=degrees_of_freedom)

    def px(self, z: Float[Tensor, "replicas obs latent"], minibatch: Minibatch) -> Distribution:
        """Return p(x | d(z))."""
        return self.likelihood(self.decoder(z), minibatch.library_size)

    def embed_corrupted(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs latent"]:
        """Return z' of equation (1)."""
        x = (
            minibatch.inputs.to_dense()
            if isinstance(minibatch.inputs, SparseCells)
            else minibatch.inputs
        )
        spread = x.std(1, keepdim=True, correction=0)
        return self.encoder(x + self.noise * spread * standard_normal_like(x))

    def loss_terms(self, minibatch: Minibatch) -> dict[str, Float[Tensor, "replicas obs"]]:
        """Return the two terms of equation (2)."""
        z = self.embed(minibatch)
        read = self.embed_corrupted(minibatch) if self.training and self.noise > 0 else z
        clustering = self.clustering_weight * self.clusters.divergence(z, minibatch)
        return {
            "reconstruction": -self.px(read, minibatch).log_prob(minibatch.x),
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
