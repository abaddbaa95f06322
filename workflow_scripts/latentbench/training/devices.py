"""Where a training runs: what the job was given, never what happens to be there."""

import torch


def choose_device(n_gpus: int) -> str:
    """Return ``"cuda"`` for a job that was given a GPU, else ``"cpu"``.

    Raises:
        ValueError: a GPU was given to the job and torch sees none; training on the CPU instead would be silent and slow.
    """
    if not n_gpus:
        return "cpu"
    if not torch.cuda.is_available():
        raise ValueError(
            f"the job was given {n_gpus} GPU(s) (resource 'gpu' of rule train) and torch {torch.__version__} sees none: "
            "install a CUDA build of torch, or set gpu=0 in the profile"
        )
    return "cuda"
