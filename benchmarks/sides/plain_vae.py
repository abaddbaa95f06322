"""The VAE of a textbook, of torch layers and plain formulas: what the loop over a DataLoader
trains, and the network that pythae is given.
"""

import torch
from task import Task
from torch import Tensor, nn
from torch.nn import functional as F


def hidden_layer(n_in: int, n_out: int, dropout: float) -> nn.Sequential:
    """Return Linear, BatchNorm, ReLU, Dropout."""
    return nn.Sequential(
        nn.Linear(n_in, n_out),
        nn.BatchNorm1d(n_out, momentum=0.01, eps=1e-3),
        nn.ReLU(),
        nn.Dropout(dropout),
    )


def encoder(task: Task) -> nn.Sequential:
    """Return the network of (mean, log variance)."""
    return nn.Sequential(
        hidden_layer(task.n_vars, task.n_hidden, task.dropout),
        nn.Linear(task.n_hidden, 2 * task.n_latent),
    )


def decoder(task: Task) -> nn.Sequential:
    """Return the network of the likelihood's parameters."""
    outputs = task.n_vars * (2 if task.likelihood == "zinb" else 1)
    return nn.Sequential(
        hidden_layer(task.n_latent, task.n_hidden, 0.0), nn.Linear(task.n_hidden, outputs)
    )


class PlainVAE(nn.Module):
    """For counts the network of scVI without covariates."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder(task), decoder(task)
        self.log_theta = nn.Parameter(torch.zeros(task.n_vars)) if task.is_counts else None
        self.task = task

    def loss(self, x: Tensor) -> Tensor:
        """Return the mean of -ELBO."""
        if self.task.likelihood == "bernoulli":
            x = torch.bernoulli(x)
        mean, log_variance = self.encoder(torch.log1p(x) if self.task.is_counts else x).chunk(
            2, dim=-1
        )
        z = mean + torch.exp(log_variance / 2) * torch.randn_like(mean)
        kl = 0.5 * (log_variance.exp() + mean.square() - 1 - log_variance).sum(1)
        return (kl - self.log_px(x, self.decoder(z)).sum(1)).mean()

    def log_px(self, x: Tensor, outputs: Tensor) -> Tensor:
        """Return log p(x | z) of every value, the Gaussian's up to its constant."""
        if self.task.likelihood == "gaussian":
            return -0.5 * (x - outputs).square()
        if self.task.likelihood == "bernoulli":
            return -F.binary_cross_entropy_with_logits(outputs, x, reduction="none")
        return self.log_px_of_counts(x, outputs)

    def log_px_of_counts(self, x: Tensor, outputs: Tensor) -> Tensor:
        """Return log NB or log ZINB."""
        logits = outputs[:, : x.shape[1]]
        log_mu = torch.log(x.sum(1, keepdim=True).clamp(min=1)) + torch.log_softmax(logits, dim=-1)
        theta, log_total = self.log_theta.exp(), torch.logaddexp(self.log_theta, log_mu)
        log_px = (
            torch.lgamma(x + theta)
            - torch.lgamma(theta)
            - torch.lgamma(x + 1)
            + theta * (self.log_theta - log_total)
            + x * (log_mu - log_total)
        )
        if self.task.likelihood == "nb":
            return log_px
        zi = outputs[:, x.shape[1] :]
        return torch.where(x == 0, torch.logaddexp(zi, log_px), log_px) - F.softplus(zi)
