"""Replicas: several seeds of one variant, stacked along the leading axis of every tensor."""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from latentbench.maths.likelihoods import LIKELIHOODS
from latentbench.maths.random_streams import seed_of
from latentbench.models import MODELS
from latentbench.models.data import TrainingData
from latentbench.models.interface import AbstractModel
from latentbench.study.variant import Variant


def build_replicas(
    kind: str, n_vars: int, *, likelihood: str, seeds: Sequence[int], **hyperparameters: Any
) -> AbstractModel:
    """Return the stacked model of a variant, every replica initialised from its own seed."""
    return stack_replicas(
        [_build_replica(kind, n_vars, likelihood, seed, hyperparameters) for seed in seeds]
    )


def build_variant(variant: Variant, data: TrainingData, seeds: Sequence[int]) -> AbstractModel:
    """Return the stacked network of a variant, untrained."""
    hyperparameters = dict(variant.hyperparameters)
    if MODELS[variant.kind].covariates != "none":
        hyperparameters["n_covariates"] = len(data.levels)
    return build_replicas(
        variant.kind, data.n_vars, likelihood=variant.likelihood, seeds=seeds, **hyperparameters
    )


def _build_replica(
    kind: str, n_vars: int, likelihood: str, seed: int, hyperparameters: dict[str, Any]
) -> AbstractModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of(seed, "initialisation"))
        return MODELS[kind].load()(
            n_vars, likelihood=LIKELIHOODS[likelihood](n_vars), **hyperparameters
        )


def stack_replicas(models: Sequence[AbstractModel]) -> AbstractModel:
    """Return one model that holds the replicas of all ``models`` (of the same shape), in order."""
    states = [model.state_dict() for model in models]
    return _with_state(
        models[0], {name: torch.cat([state[name] for state in states]) for name in states[0]}
    )


def unstack_replicas(model: AbstractModel) -> list[AbstractModel]:
    """Return one single-replica model for each replica of ``model``."""
    state = model.state_dict()
    return [
        _with_state(
            model, {name: tensor[index : index + 1].clone() for name, tensor in state.items()}
        )
        for index in range(model.n_replicas)
    ]


def _with_state(model: AbstractModel, state: dict[str, Tensor]) -> AbstractModel:
    other = copy.deepcopy(model)
    for module_name, module in other.named_modules():
        prefix = f"{module_name}." if module_name else ""
        for name, parameter in list(module.named_parameters(recurse=False)):
            setattr(
                module,
                name,
                torch.nn.Parameter(
                    state[prefix + name].clone(), requires_grad=parameter.requires_grad
                ),
            )
        for name, _ in list(module.named_buffers(recurse=False)):
            module.register_buffer(name, state[prefix + name].clone())
    return other
