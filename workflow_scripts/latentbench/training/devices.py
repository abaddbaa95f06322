"""Where a training runs (what the job was given, never what happens to be there) and how much
memory it took.
"""

import resource

import torch


def cards_given(gpu: int, gres: str) -> int:
    """Return how many cards a job was given, by a count or in the way of SLURM's generic resources
    (``gpu``, ``gpu:2``, ``gpu:a100:2``).
    """
    kind, *rest = gres.split(":")
    if gpu or kind != "gpu":
        return int(gpu)
    return int(rest[-1]) if rest and rest[-1].isdecimal() else 1


def choose_device(n_gpus: int) -> str:
    """Return ``"cuda"`` for a job that was given a GPU, else ``"cpu"``.

    Raises:
        ValueError: a GPU was given to the job and torch sees none; training on the CPU instead
        would be silent and slow.
    """
    if not n_gpus:
        return "cpu"
    if not torch.cuda.is_available():
        raise ValueError(
            f"the job was given {n_gpus} GPU(s) (resource 'gpu' of rule train) and torch"
            f" {torch.__version__} sees none: install a CUDA build of torch, or set gpu=0 in the"
            " profile"
        )
    return "cuda"


def peak_memory_mb(device: torch.device) -> float:
    """Return the most memory held so far, in MB: of the device's on a GPU, else of this process."""
    if device.type == "cuda":
        return round(torch.cuda.max_memory_allocated(device) / 2**20, 1)
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)
