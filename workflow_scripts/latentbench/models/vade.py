"""Variational deep embedding (Jiang 2017, arXiv:1611.05148): a VAE whose prior is a mixture of
Gaussians, the cluster of a code by Bayes.

    p(y) = pi_y,  p(z | y) = N(mu_y, diag s_y^2),  p(x | z) by the likelihood                (1)
    q(z | x) = N(m(x), diag s(x)^2),  gamma_y = p(y | z) at a sample z of q(z | x)           (2)
    -ELBO(x) = E_q[-log p(x | z)] + sum_y gamma_y KL(q(z | x) || p(z | y)) + KL(gamma || pi) (3)

(3) is the paper's equation 12, its terms gathered into two divergences. It is trained in two
phases: ``pretrain`` as an autoencoder (the weights of all terms but the reconstruction are 0), then
``cluster``, which begins with a diagonal mixture fitted to the codes of the training cells, the
likeliest of several. Where y is observed only its component counts, -log gamma_y is added, and the
components of the start are numbered as the classes that they meet most. Symbols to code: (m, log
s^2) is ``encoder``; log pi is ``component_logits``; mu and log s_y^2 are ``component_mean`` and
``components``, which keeps s_y^2 above ``variance_floor``. Deviations: the paper pretrains layer by
layer and without sampling z, and has no floor.

Use: for groups that are Gaussians in the code, of unequal sizes, with the clusters given by the
prior rather than by a network.
Cost: one pass of encoder and decoder a step, and a mixture fitted to all training cells once;
hardly grows with the number of clusters.
"""

import math
from collections.abc import Sequence
from typing import Annotated

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from latentbench.maths.distributions import Distribution, Normal, log_density
from latentbench.maths.likelihoods import AbstractLikelihood
from latentbench.maths.random_streams import seed_of
from latentbench.models.blocks import MLP, Decoder, mirrored
from latentbench.models.components import log_density_by_component
from latentbench.models.interface import (
    AbstractClusteringModel,
    AbstractGaussianLatentModel,
    ClassPosterior,
    Minibatch,
    TrainingCells,
)
from latentbench.models.two_latents import kl_from_components, kl_of_each_dimension_from_components
from latentbench.study.options import Option


class VariationalDeepEmbedding(AbstractGaussianLatentModel, AbstractClusteringModel):
    """VaDE with any likelihood; ``n_hidden`` are the widths of the encoder's hidden layers, the
    decoder's in reverse.
    """

    generative = "p(y) p(z|y) p(x|z)"
    inference = "q(z|x) p(y|z)"
    linear_in_log_prob = True

    def __init__(
        self,
        n_vars: int,
        *,
        likelihood: AbstractLikelihood,
        n_clusters: int,
        n_latent: int = 10,
        n_hidden: int | Sequence[int] = (500, 500, 2000),
        variance_floor: Annotated[float, Option("least variance of a component", above=0)] = 0.01,
    ) -> None:
        super().__init__()
        self.likelihood, self.variance_floor = likelihood, variance_floor
        self.encoder = MLP(n_vars, 2 * n_latent, n_hidden=n_hidden, batch_norm=False)
        self.component_logits = nn.Parameter(torch.zeros(1, n_clusters))
        self.component_mean = nn.Parameter(torch.randn(1, n_clusters, 1, n_latent))
        self.component_scale = nn.Parameter(torch.zeros(1, n_clusters, 1, n_latent))
        self.decoder = Decoder(
            n_latent, likelihood.n_outputs, n_hidden=mirrored(n_hidden), batch_norm=False
        )

    @property
    def components(self) -> Normal:
        """p(z | y) of every y: s_y^2 = floor + exp(component_scale)."""
        return Normal(
            self.component_mean,
            torch.logaddexp(
                self.component_scale, self.component_scale.new_tensor(math.log(self.variance_floor))
            ),
        )

    @property
    def log_pi(self) -> Float[Tensor, "replicas 1 clusters"]:
        """log p(y)."""
        return torch.log_softmax(self.component_logits, dim=-1)[:, None]

    def qz(self, minibatch: Minibatch) -> Normal:
        """Return q(z | x)."""
        return Normal(*self.encoder(minibatch.inputs).chunk(2, dim=-1))

    def gamma(
        self, z: Float[Tensor, "replicas obs latent"], y: Int[Tensor, "replicas obs"]
    ) -> ClassPosterior:
        """Return p(y | z), equation (2), with the observed classes put in."""
        return ClassPosterior(self.log_pi + log_density_by_component(z, self.components), y)

    def px(self, z: Float[Tensor, "replicas obs latent"], minibatch: Minibatch) -> Distribution:
        """Return p(x | z)."""
        return self.likelihood(self.decoder(z), minibatch.library_size)

    def loss_terms(self, minibatch: Minibatch) -> dict[str, Float[Tensor, "replicas obs"]]:
        """Return the terms of equation (3), the expectation and gamma from one sample of z."""
        qz = self.qz(minibatch)
        z = qz.rsample()
        gamma = self.gamma(z, minibatch.y)
        return {
            "reconstruction": -self.px(z, minibatch).log_prob(minibatch.x),
            "kl_z": kl_from_components(gamma, qz, self.components),
            "kl_y": gamma.negative_entropy - (gamma.weights * self.log_pi).sum(-1),
            "classification": gamma.classification,
        }

    def log_weight(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs"]:
        """Return log p(x | z) + log sum_y p(y) p(z | y) - log q(z | x) at a sample of z."""
        qz = self.qz(minibatch)
        z = qz.rsample()
        log_pz = torch.logsumexp(self.gamma(z, minibatch.y).logits, dim=-1)
        return self.px(z, minibatch).log_prob(minibatch.x) + log_pz - log_density(z, qz)

    def kl_z_of_each_dimension(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs latent"]:
        """Return sum_y gamma_y KL(q(z_j | x) || p(z_j | y)) of every j, gamma from one sample of
        z.
        """
        qz = self.qz(minibatch)
        return kl_of_each_dimension_from_components(
            self.gamma(qz.rsample(), minibatch.y), qz, self.components
        )

    def embed(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs latent"]:
        """Return m(x)."""
        return self.qz(minibatch).mean

    def sample_codes(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs latent"]:
        """Return a sample of q(z | x)."""
        return self.qz(minibatch).rsample()

    def prior_of_codes(
        self, noise: Float[Tensor, "replicas obs latent"], minibatch: Minibatch
    ) -> Normal:
        """Return p(z | y) for every y."""
        return self.components

    def decode(
        self, z: Float[Tensor, "replicas components obs latent"], minibatch: Minibatch
    ) -> Float[Tensor, "replicas components obs vars"]:
        """Return E[x | z]."""
        return self.likelihood(self.decoder(z), minibatch.library_size[:, None]).mean

    def reconstruct(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs vars"]:
        """Return E[x] at m(x)."""
        return self.px(self.embed(minibatch), minibatch).mean

    def cluster_probs(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs clusters"]:
        """Return gamma at m(x)."""
        return self.gamma(self.embed(minibatch), torch.full_like(minibatch.y, -1)).weights

    @torch.no_grad()
    def begin_phase(self, name: str, cells: TrainingCells) -> None:
        """Start the mixture from the codes of the training cells when the phase ``cluster`` begins,
        each replica from its own.
        """
        if name != "cluster":
            return
        from latentbench.maths.mixtures import (
            fit_mixture,
        )  # imported here: scikit-learn takes a second, and reading a model needs none of it

        for replica, (codes, seed) in enumerate(
            zip(cells.codes().cpu().numpy(), cells.seeds, strict=True)
        ):
            mixture = fit_mixture(
                codes,
                self.component_logits.shape[1],
                seed=seed_of(seed, "components"),
                covariance="diag",
            )
            order = matched_to_classes(
                mixture.predict(codes.astype(np.float64)),
                cells.classes[replica].cpu().numpy(),
                self.component_logits.shape[1],
            )
            weights, means, variances = (
                torch.from_numpy(each[order]).float()
                for each in (mixture.weights_, mixture.means_, mixture.covariances_)
            )
            self.component_logits[replica] = torch.log(weights)
            self.component_mean[replica] = means[:, None]
            self.component_scale[replica] = torch.log(
                (variances - self.variance_floor).clamp(min=0.1 * self.variance_floor)
            )[:, None]


def matched_to_classes(
    clusters: Int[np.ndarray, " obs"], classes: Int[np.ndarray, " obs"], n_clusters: int
) -> Int[np.ndarray, " clusters"]:
    """Return for every class the cluster that takes its place, so that most of the cells that show
    a class agree; the order as it is where none does.
    """
    shown = classes >= 0
    met = np.zeros((n_clusters, n_clusters))
    np.add.at(met, (classes[shown], clusters[shown]), 1)
    return linear_sum_assignment(met, maximize=True)[1]
