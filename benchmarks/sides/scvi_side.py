"""The side of scvi-tools: SCVI.train with the same network, minibatch and learning rate, no KL warm-up; and its module as the judge of held-out ELBOs."""

import sys
import time

import anndata
import lightning
import numpy as np
import scipy.sparse
import scvi
import torch
from protocol import serve


class EpochClock(lightning.pytorch.callbacks.Callback):
    """Seconds of every training epoch, without what SCVI.train does before and after."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def on_train_epoch_start(self, trainer, module):
        self.started = time.perf_counter()

    def on_train_epoch_end(self, trainer, module):
        self.seconds.append(time.perf_counter() - self.started)


def main(counts_path: str, likelihood: str, n_test: int) -> None:
    """Serve ``train(epochs, seed)``, ``score()`` of the last training and ``score_weights(path)`` of the other side's."""
    x = np.load(counts_path)
    adatas = {"train": anndata.AnnData(scipy.sparse.csr_matrix(x[:-n_test])), "test": anndata.AnnData(scipy.sparse.csr_matrix(x[-n_test:]))}
    for adata in adatas.values():
        scvi.model.SCVI.setup_anndata(adata)
    models = []

    def train(epochs: int, seed: int) -> float:
        scvi.settings.seed = seed
        model = scvi.model.SCVI(adatas["train"], gene_likelihood=likelihood)
        clock = EpochClock()
        options = {"batch_size": 128, "train_size": 1.0, "accelerator": "cpu", "callbacks": [clock], "enable_progress_bar": False, "logger": False}
        model.train(
            max_epochs=epochs, plan_kwargs={"n_epochs_kl_warmup": None, "n_steps_kl_warmup": None, "max_kl_weight": 1.0, "min_kl_weight": 1.0}, **options
        )
        models[:] = [model]
        return float(np.median(clock.seconds))

    def score() -> float:
        return held_out_elbo(models[0], torch.from_numpy(x[-n_test:]))

    def score_weights(path: str) -> float:
        model = scvi.model.SCVI(adatas["train"], gene_likelihood=likelihood)
        model.module.load_state_dict(as_scvi(dict(np.load(path)), model.module.state_dict()))
        return held_out_elbo(model, torch.from_numpy(x[-n_test:]))

    serve({"train": train, "score": score, "score_weights": score_weights})


@torch.no_grad()
def held_out_elbo(model, x: torch.Tensor, *, n_samples: int = 25) -> float:
    """Return the mean -ELBO of the cells by scvi-tools' own module in eval mode, averaged over ``n_samples`` samples of z."""
    model.module.eval()
    scvi.settings.seed = 0
    tensors = {"X": x, "batch": torch.zeros(len(x), 1), "labels": torch.zeros(len(x), 1)}
    return float(np.mean([model.module(tensors)[2].loss.item() for _ in range(n_samples)]))


def as_scvi(weights: dict[str, np.ndarray], like: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return this project's VAE weights (one replica) under the names of scvi-tools' module."""
    state = dict(like)

    def put(name: str, array: np.ndarray) -> None:
        assert state[name].shape == array.shape, name
        state[name] = torch.from_numpy(np.ascontiguousarray(array))

    for ours, theirs in (("encoder", "z_encoder.encoder"), ("decoder", "decoder.px_decoder")):
        hidden = f"{theirs}.fc_layers.Layer 0"
        put(f"{hidden}.0.weight", weights[f"{ours}.0.weight"][0].T)
        state[f"{hidden}.0.bias"] = torch.zeros_like(state[f"{hidden}.0.bias"])  # ours has none before batch normalisation
        for part, name in (("weight", "weight"), ("bias", "bias"), ("running_mean", "running_mean"), ("running_variance", "running_var")):
            put(f"{hidden}.1.{name}", weights[f"{ours}.1.{part}"][0])
    for index, name in enumerate(("mean_encoder", "var_encoder")):
        half = slice(10 * index, 10 * (index + 1))
        put(f"z_encoder.{name}.weight", weights["encoder.4.weight"][0].T[half])
        put(f"z_encoder.{name}.bias", weights["encoder.4.bias"][0, 0][half])
    n_vars = len(state["px_r"])
    for index, name in enumerate(("px_scale_decoder.0", "px_dropout_decoder")):
        half = slice(n_vars * index, n_vars * (index + 1))
        if weights["decoder.4.bias"][0, 0][half].size:
            put(f"decoder.{name}.weight", weights["decoder.4.weight"][0].T[half])
            put(f"decoder.{name}.bias", weights["decoder.4.bias"][0, 0][half])
    put("px_r", next(array for name, array in weights.items() if name.endswith("log_theta"))[0])
    return state


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
