"""Linear autoencoder: PCA by gradient steps (Bourlard and Kamp 1988, doi:10.1007/BF00332918; Baldi
and Hornik 1989, doi:10.1016/0893-6080(89)90014-2).

    z = x E + b,  f(z) = z D + c   (1)
    loss(x) = -log p(x | f(z)); with a Gaussian of variance one: 1/2 ||x - f(z)||^2 + constant   (2)
    at the minimum of (2) over the training cells the rows of D span the first principal
    directions of the centred cells, c + b D is such that f(z) - mean is the projection onto
    them, and the loss is half of what PCA discards                                  (3)

E itself is PCA's only up to an invertible l x l matrix, and only where the cells are of full column
rank: compare rows of D. Symbols to code: (E, b) is ``encoder``, (D, c) is ``decoder``.

Use: to see the training reach what has a closed form, and as the autoencoder without a
nonlinearity.
Cost: two matrix products a step; many steps where two principal values at the cut are close.
"""

from jaxtyping import Float
from torch import Tensor

from latentbench.maths.distributions import Distribution
from latentbench.maths.likelihoods import AbstractLikelihood
from latentbench.models.blocks import Linear
from latentbench.models.interface import AbstractModel, Minibatch


class LinearAutoencoder(AbstractModel):
    """Autoencoder without hidden layers, with any likelihood."""

    generative = "p(x|z)"
    inference = "z = e(x)"
    linear_in_log_prob = True

    def __init__(self, n_vars: int, *, likelihood: AbstractLikelihood, n_latent: int = 10) -> None:
        super().__init__()
        self.likelihood = likelihood
        self.encoder = Linear(n_vars, n_latent)
        self.decoder = Linear(n_latent, likelihood.n_outputs)

    def px(self, z: Float[Tensor, "replicas obs latent"], minibatch: Minibatch) -> Distribution:
        """Return p(x | f(z))."""
        return self.likelihood(self.decoder(z), minibatch.library_size)

    def loss_terms(self, minibatch: Minibatch) -> dict[str, Float[Tensor, "replicas obs"]]:
        """Return equation (2)."""
        return {"reconstruction": -self.px(self.embed(minibatch), minibatch).log_prob(minibatch.x)}

    def embed(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs latent"]:
        """Return z of equation (1)."""
        return self.encoder(minibatch.inputs)

    def reconstruct(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs vars"]:
        """Return E[x] at z."""
        return self.px(self.embed(minibatch), minibatch).mean
