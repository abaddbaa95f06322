"""Draw both latents of the models of one data set that have two."""

from latentbench.figures.image_figures import read_decoded
from latentbench.figures.latent_figures import two_latents_figure
from latentbench.figures.style import apply_style, save
from latentbench.files.prepared import PreparedFile
from latentbench.logs import log_to


def main(prepared_path, latents_paths, figure_paths, *, kinds) -> None:
    """Write the figure under every path; ``latents_paths`` and ``kinds``: by model."""
    apply_style()
    found = read_decoded(latents_paths, kinds, PreparedFile(prepared_path).cells.obs)
    save(two_latents_figure(found.arrays, found.obs), figure_paths)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    kinds = snakemake.params.kinds
    main(
        snakemake.input.prepared,
        dict(zip(kinds, snakemake.input.latents, strict=True)),
        snakemake.output,
        kinds=kinds,
    )
