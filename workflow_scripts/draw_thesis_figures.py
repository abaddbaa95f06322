"""Draw the numbered figures of the thesis."""

import matplotlib.pyplot as plt

from latentbench.figures.diagrams.thesis_figures import THESIS_FIGURES
from latentbench.figures.style import apply_style, save
from latentbench.logs import log_to


def main(figure_paths) -> None:
    """Write every figure under all of its paths, given by its name."""
    apply_style()
    for name, paths in figure_paths.items():
        figure = THESIS_FIGURES[name]()
        save(figure, paths)
        plt.close(figure)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    main(
        {
            name: [path for path in snakemake.output if f"/{name}." in path]
            for name in THESIS_FIGURES
        }
    )
