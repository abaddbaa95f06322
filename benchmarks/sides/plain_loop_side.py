"""What a textbook does: a module of torch layers, torch.distributions-like NB, a DataLoader, Adam."""

import sys
import time

import numpy as np
import torch
from protocol import serve
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset


def hidden_layer(n_in: int, n_out: int, dropout: float) -> nn.Sequential:
    """Return Linear, BatchNorm, ReLU, Dropout."""
    return nn.Sequential(nn.Linear(n_in, n_out), nn.BatchNorm1d(n_out, momentum=0.01, eps=1e-3), nn.ReLU(), nn.Dropout(dropout))


class PlainVAE(nn.Module):
    """The network of scVI without covariates."""

    def __init__(self, n_vars: int, likelihood: str) -> None:
        super().__init__()
        self.encoder = nn.Sequential(hidden_layer(n_vars, 128, 0.1), nn.Linear(128, 20))
        self.decoder = nn.Sequential(hidden_layer(10, 128, 0.0), nn.Linear(128, n_vars * (2 if likelihood == "zinb" else 1)))
        self.log_theta = nn.Parameter(torch.zeros(n_vars))
        self.likelihood = likelihood

    def loss(self, x: Tensor) -> Tensor:
        """Return the mean of -ELBO."""
        mean, log_variance = self.encoder(torch.log1p(x)).chunk(2, dim=-1)
        z = mean + torch.exp(log_variance / 2) * torch.randn_like(mean)
        outputs = self.decoder(z)
        logits = outputs[:, : x.shape[1]]
        log_mu = torch.log(x.sum(1, keepdim=True).clamp(min=1)) + torch.log_softmax(logits, dim=-1)
        theta, log_total = self.log_theta.exp(), torch.logaddexp(self.log_theta, log_mu)
        log_px = torch.lgamma(x + theta) - torch.lgamma(theta) - torch.lgamma(x + 1) + theta * (self.log_theta - log_total) + x * (log_mu - log_total)
        if self.likelihood == "zinb":
            zi = outputs[:, x.shape[1] :]
            log_px = torch.where(x == 0, torch.logaddexp(zi, log_px), log_px) - F.softplus(zi)
        kl = 0.5 * (log_variance.exp() + mean.square() - 1 - log_variance).sum(1)
        return (kl - log_px.sum(1)).mean()


def main(counts_path: str, likelihood: str, n_test: int) -> None:
    """Serve ``train(epochs, seed)``: seconds an epoch."""
    x = torch.from_numpy(np.load(counts_path))[:-n_test]

    def train(epochs: int, seed: int) -> float:
        torch.manual_seed(seed)
        model = PlainVAE(x.shape[1], likelihood)
        optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
        loader = DataLoader(TensorDataset(x), batch_size=128, shuffle=True, drop_last=True)
        started = time.perf_counter()
        for _ in range(epochs):
            for (minibatch,) in loader:
                optimiser.zero_grad()
                model.loss(minibatch).backward()
                optimiser.step()
        return (time.perf_counter() - started) / epochs

    serve({"train": train})


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
