"""How long one model trains on images of MNIST's size, on one thread (or one GPU), beside pythae
and a plain loop.

Gaussian and Bernoulli VAE 784-512-10, minibatch 128; microseconds an image, epoch and model.
"""

import tempfile
from contextlib import ExitStack

from driver import RESULTS, Side, add_device, add_peers, arguments, open_sides, time_one_model
from figures import times_figure
from publishing import on_device, publish
from sides.task import mnist_sized
from summaries import summarise_times

from latentbench.logs import log_to


def main(peers: str, *, images: int, rounds: int, epochs: int, device: str) -> None:
    """Measure all sides and publish."""
    tasks = {
        likelihood: mnist_sized(likelihood, n_train=images)
        for likelihood in ("gaussian", "bernoulli")
    }
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        pythae, plain = (
            Side("pythae", "pythae_side.py", python=peers),
            Side("plain loop", "plain_loop_side.py"),
        )
        sides = open_sides(
            stack, pythae, plain, Side("latentbench", "latentbench_side.py"), device=device
        )
        times = time_one_model(sides, tasks, folder, rounds=rounds, epochs=epochs, device=device)
    summary = summarise_times(times, reference="plain loop", by=["task"])
    publish(
        on_device("training_step_images", device),
        times_figure(times, summary),
        rounds=times,
        summary=summary,
    )


if __name__ == "__main__":
    parser = arguments(__doc__, rounds=5, epochs=5)
    add_peers(parser)
    add_device(parser)
    parser.add_argument(
        "--images",
        type=int,
        default=10_000,
        help="training images; MNIST has 60,000 (default: %(default)s)",
    )
    options = parser.parse_args()
    log_to(RESULTS / f"{on_device('training_step_images', options.device)}.log")
    main(**vars(options))
