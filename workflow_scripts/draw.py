"""Draw the figures of one job: of the study, a data set, the kinds of models or the thesis."""

from latentbench.figures.drawing import draw
from latentbench.figures.inputs import Inputs
from latentbench.files.artefacts import write_text
from latentbench.logs import log_to


def main(figures, paths, given) -> None:
    """Write every figure and its caption; ``figures``: how each is drawn and what its caption says
    (``draw``, ``of``, ``caption``); ``paths``: of each its files, the caption's last.
    """
    for figure, (*drawings, caption) in zip(figures, paths, strict=True):
        given = given.about(figure["of"])
        draw(figure["draw"], given, drawings)
        write_text(figure["caption"] + "\n", caption)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    made, params = snakemake.output, snakemake.params
    main(
        params.figures,
        zip(made.pdf, made.svg, made.png, made.caption, strict=True),
        Inputs({name: snakemake.input[name] for name in params.reads}, options=params.options),
    )
