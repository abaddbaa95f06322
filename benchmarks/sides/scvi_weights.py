"""Weights of this project under the names of scvi-tools' modules, for networks of one hidden layer
(scvi-tools itself is not imported).
"""

from collections.abc import Mapping

import numpy as np
import torch

NETWORKS = {
    "encoder": ("z_encoder.encoder", ("z_encoder.mean_encoder", "z_encoder.var_encoder")),
    "decoder": ("decoder.px_decoder", ("decoder.px_scale_decoder.0", "decoder.px_dropout_decoder")),
    "qy": ("classifier.classifier.0", ("classifier.classifier.1",)),
    "qu": ("encoder_z2_z1.encoder", ("encoder_z2_z1.mean_encoder", "encoder_z2_z1.var_encoder")),
    "pz_net": (
        "decoder_z1_z2.decoder",
        ("decoder_z1_z2.mean_decoder", "decoder_z1_z2.var_decoder"),
    ),
}
"""Networks of ``vae``, ``scvi`` and ``scanvi``: the hidden layer there, and the layers that its
outputs, which are one layer here, are shared out to."""


def as_scvi(
    weights: Mapping[str, np.ndarray], like: Mapping[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """Return the weights of one replica (without their replicas axis) as the state of a module of
    scvi-tools whose state is ``like``.
    """
    state = dict(like)

    def put(name: str, array: np.ndarray) -> None:
        assert state[name].numel() == array.size, name
        state[name] = torch.from_numpy(np.ascontiguousarray(array)).reshape(state[name].shape)

    for ours, (hidden, outputs) in NETWORKS.items():
        if f"{ours}.0.weight" not in weights:
            continue
        layer = f"{hidden}.fc_layers.Layer 0"
        read = [
            weights[f"{ours}.0.{part}"]
            for part in ("weight", "covariate_weight")
            if f"{ours}.0.{part}" in weights
        ]
        put(f"{layer}.0.weight", np.concatenate(read).T)
        state[f"{layer}.0.bias"] = torch.zeros_like(
            state[f"{layer}.0.bias"]
        )  # ours has none before batch normalisation
        for part, name in (
            ("weight", "weight"),
            ("bias", "bias"),
            ("running_mean", "running_mean"),
            ("running_variance", "running_var"),
        ):
            put(f"{layer}.1.{name}", weights[f"{ours}.1.{part}"])
        start = 0
        for theirs in outputs:
            end = start + len(state[f"{theirs}.bias"])
            if (
                end <= weights[f"{ours}.2.weight"].shape[1]
            ):  # a likelihood without zero inflation has no outputs for it
                put(f"{theirs}.weight", weights[f"{ours}.2.weight"][:, start:end].T)
                put(f"{theirs}.bias", weights[f"{ours}.2.bias"][..., start:end])
            start = end
    for name, array in weights.items():
        if name.endswith("log_theta"):
            put("px_r", array)
    return state
