"""Draw how well every method predicts hidden cells."""

from latentbench.figures.prediction_figures import predictions_figure
from latentbench.figures.style import apply_style, save
from latentbench.files.tables import PREDICTIONS
from latentbench.logs import log_to


def main(predictions_path, figure_paths) -> None:
    """Write the figure under every path."""
    apply_style()
    save(predictions_figure(PREDICTIONS.read(predictions_path)), figure_paths)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    main(snakemake.input.predictions, snakemake.output)
