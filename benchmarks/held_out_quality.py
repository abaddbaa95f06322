"""How good the models that this project trains are, beside those of scvi-tools.

NB and ZINB, scVI's network, several seeds; -ELBO of the held-out cells, all scored by scvi-tools' own module in eval mode. Nothing
is timed here, so both sides train at once.
"""

import argparse
import tempfile
from contextlib import ExitStack
from pathlib import Path

import pandas as pd
from driver import RESULTS, Side, add_peers, open_sides, written
from figures import quality_figure
from publishing import publish
from sides.task import Task
from summaries import summarise_quality

from latentbench.logs import log_to, logger


def main(peers: str, *, seeds: int, epochs: int) -> None:
    """Train both sides over the seeds, score them and publish."""
    scores = []
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        scvi, ours = Side("scvi-tools", "scvi_side.py", python=peers), Side("latentbench", "latentbench_side.py")
        open_sides(stack, scvi, ours)
        weights = str(Path(folder) / "weights.npz")
        for task in (Task("nb"), Task("zinb")):
            scored = {"data": written(task, folder), "task": task}
            for seed in range(seeds):
                for side in (scvi, ours):
                    side.start("train", seeds=[seed], epochs=epochs, device="cpu", **scored)
                for side in (scvi, ours):
                    side.answer()
                ours.ask("save", path=weights)
                for name, value in (("scvi-tools", scvi.ask("score", **scored)), ("latentbench", scvi.ask("score_weights", weights=weights, **scored))):
                    scores.append((task.likelihood, name, seed, value))
                    logger.info("%s  %s  seed %d  -ELBO %.3f", *scores[-1])
    frame = pd.DataFrame(scores, columns=["likelihood", "side", "seed", "minus_elbo"])
    summary = summarise_quality(frame, reference="scvi-tools")
    publish("held_out_quality", quality_figure(frame), seeds=frame, summary=summary)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_peers(parser)
    parser.add_argument("--seeds", type=int, default=3, help="seeds of each side (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=100, help="epochs of a training (default: %(default)s)")
    options = parser.parse_args()
    log_to(RESULTS / "held_out_quality.log")
    main(**vars(options))
