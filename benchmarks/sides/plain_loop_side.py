"""What a textbook does: a module of torch layers, a DataLoader, Adam; several seeds one after the
other.
"""

import time

import torch
from plain_vae import PlainVAE
from protocol import read_dense, serve
from task import Task
from torch.utils.data import DataLoader, TensorDataset


def train(data: str, task: Task, seeds: list[int], epochs: int, device: str) -> float:
    """Return the seconds of an epoch of one model."""
    x = read_dense(data)[: task.n_train]
    return (
        sum(seconds_of_training(x, task, seed, epochs, device) for seed in seeds)
        / len(seeds)
        / epochs
    )


def seconds_of_training(x: torch.Tensor, task: Task, seed: int, epochs: int, device: str) -> float:
    """Train one model."""
    torch.manual_seed(seed)
    model = PlainVAE(task).to(device)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    loader = DataLoader(TensorDataset(x), batch_size=task.batch_size, shuffle=True, drop_last=True)
    started = time.perf_counter()
    for _ in range(epochs):
        for (minibatch,) in loader:
            optimiser.zero_grad()
            loss = model.loss(minibatch.to(device))
            loss.backward()
            optimiser.step()
    loss.item()  # a GPU works on after the last call has returned
    return time.perf_counter() - started


if __name__ == "__main__":
    serve(train=train)
