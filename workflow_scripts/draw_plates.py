"""Draw the plate diagram of every network kind of the study."""

import matplotlib.pyplot as plt

from latentbench.figures.diagrams.plates import plate_figure
from latentbench.figures.style import apply_style, save
from latentbench.logs import log_to
from latentbench.models.declared import factorisation_of


def main(paths_of_kinds) -> None:
    """Write each kind's figure under all of its paths."""
    apply_style()
    for kind, paths in paths_of_kinds.items():
        figure = plate_figure(factorisation_of(kind))
        save(figure, paths)
        plt.close(figure)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    outputs = snakemake.output
    main(
        dict(
            zip(
                snakemake.params.kinds,
                zip(outputs.pdf, outputs.svg, outputs.png, strict=True),
                strict=True,
            )
        )
    )
