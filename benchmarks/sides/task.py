"""What every side of a benchmark is asked to train."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Task:
    """One VAE (n_vars - n_hidden - n_latent - n_hidden - n_vars, batch normalisation) on the first
    ``n_train`` of ``n_train + n_test`` rows; Adam at 1e-3.

    The default is scVI's network on 9,000 cells x 2,000 genes. ``likelihood`` is ``"nb"`` or
    ``"zinb"`` for counts, ``"gaussian"`` or ``"bernoulli"`` for pixels; ``dropout`` that of the
    encoder.
    """

    likelihood: str
    n_train: int = 9_000
    n_test: int = 1_000
    n_vars: int = 2_000
    n_hidden: int = 128
    n_latent: int = 10
    dropout: float = 0.1
    batch_size: int = 128

    @property
    def is_counts(self) -> bool:
        """Whether the data are counts, else pixels in [0, 1]."""
        return self.likelihood in ("nb", "zinb")


def mnist_sized(likelihood: str, *, n_train: int) -> Task:
    """Return the task on images: 784-512-10, no dropout."""
    return Task(likelihood, n_train=n_train, n_vars=784, n_hidden=512, dropout=0.0)
