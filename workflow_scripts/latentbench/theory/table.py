"""All checks of the theory, topic by topic, as one table."""

import pandas as pd

from latentbench.theory import (
    dirichlet,
    evidence_bound,
    linear_algebra,
    linear_autoencoder,
    linear_vae,
    networks,
)
from latentbench.theory.checks import as_table

TOPICS = {
    "matrices": linear_algebra,
    "linear autoencoder and PCA": linear_autoencoder,
    "networks": networks,
    "evidence and its bound": evidence_bound,
    "linear VAE and probabilistic PCA": linear_vae,
    "Dirichlet prior": dirichlet,
}


def theory_table() -> pd.DataFrame:
    """Return a row a check of every topic."""
    return as_table((topic, module.checks()) for topic, module in TOPICS.items())
