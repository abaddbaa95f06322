"""Draw what the networks of one data set of images decode."""

from latentbench.figures.image_figures import IMAGE_FIGURES, posteriors_figure, read_decoded
from latentbench.figures.style import apply_style, save
from latentbench.files.prepared import PreparedFile
from latentbench.logs import log_to


def main(prepared_path, decoded_paths, figure_paths, *, kinds, layout, seed) -> None:
    """Write every figure; ``decoded_paths`` and ``kinds``: by model; ``figure_paths``: by name of
    the figure, its paths.
    """
    apply_style()
    decoded = read_decoded(decoded_paths, kinds, PreparedFile(prepared_path).cells.obs)
    for name, draw in IMAGE_FIGURES.items():
        save(draw(decoded), figure_paths[name])
    save(posteriors_figure(decoded, layout=layout, seed=seed), figure_paths["posteriors"])


if __name__ == "__main__":
    log_to(snakemake.log[0])
    decoded = dict(zip(snakemake.params.kinds, snakemake.input.decoded, strict=True))
    figures = {
        name: [path for path in snakemake.output if f"/{name}." in path]
        for name in (*IMAGE_FIGURES, "posteriors")
    }
    main(
        snakemake.input.prepared,
        decoded,
        figures,
        kinds=snakemake.params.kinds,
        layout=snakemake.params.layout,
        seed=snakemake.params.seed,
    )
