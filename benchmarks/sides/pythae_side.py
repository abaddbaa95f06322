"""The side of pythae (images only): its VAE and BaseTrainer with the same network, minibatch and
learning rate.

Its cross-entropy takes probabilities and scores grey values as they are, where the other sides
score pixels that are binarised anew in every minibatch.
"""

import tempfile
import time

import torch
from plain_vae import decoder, encoder
from protocol import read_dense, serve
from pythae.data.datasets import BaseDataset
from pythae.models import VAE, VAEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.trainers import BaseTrainer, BaseTrainerConfig
from pythae.trainers.training_callbacks import TrainingCallback
from task import Task


class Encoder(BaseEncoder):
    """The encoder of the plain VAE in pythae's clothes."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.network = encoder(task)

    def forward(self, x):
        mean, log_variance = self.network(x).chunk(2, dim=-1)
        return ModelOutput(embedding=mean, log_covariance=log_variance)


class Decoder(BaseDecoder):
    """The decoder of the plain VAE in pythae's clothes."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.network = decoder(task)
        self.last = torch.nn.Sigmoid() if task.likelihood == "bernoulli" else torch.nn.Identity()

    def forward(self, z):
        return ModelOutput(reconstruction=self.last(self.network(z)))


class EpochClock(TrainingCallback):
    """Seconds of every epoch, without what pythae does before and after the training."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def on_epoch_begin(self, training_config, **kwargs):
        self.started = time.perf_counter()

    def on_epoch_end(self, training_config, **kwargs):
        self.seconds.append(time.perf_counter() - self.started)


def train(data: str, task: Task, seeds: list[int], epochs: int, device: str) -> float:
    """Return the seconds of an epoch of one model."""
    x = read_dense(data)[: task.n_train]
    images = BaseDataset(x, torch.zeros(len(x)))
    clock = EpochClock()
    reconstruction = {"gaussian": "mse", "bernoulli": "bce"}[task.likelihood]
    for seed in seeds:
        torch.manual_seed(seed)
        config = VAEConfig(
            input_dim=(task.n_vars,), latent_dim=task.n_latent, reconstruction_loss=reconstruction
        )
        model = VAE(config, encoder=Encoder(task), decoder=Decoder(task))
        with tempfile.TemporaryDirectory() as folder:
            options = {
                "num_epochs": epochs,
                "learning_rate": 1e-3,
                "per_device_train_batch_size": task.batch_size,
                "seed": seed,
            }
            trainer = BaseTrainerConfig(output_dir=folder, no_cuda=device == "cpu", **options)
            BaseTrainer(model, images, training_config=trainer, callbacks=[clock]).train()
    return sum(clock.seconds) / len(clock.seconds)


if __name__ == "__main__":
    serve(train=train)
