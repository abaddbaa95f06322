"""Predict stimulated cells by one variant, all its seeds trained without those of one cell type at
a time, or with all of them; go on where a run that was stopped left off."""

from threadpoolctl import threadpool_limits

from latentbench.files.artefacts import write_table
from latentbench.logs import log_to
from latentbench.prediction.networks import network_predictions
from latentbench.prediction.protocol import questions_of, read_perturbation
from latentbench.study.variant import Variant
from latentbench.training.checkpoints import checkpoints_of_job
from latentbench.training.devices import cards_given, choose_device
from latentbench.training.interruption import ending_a_job_when_asked


def main(
    prepared,
    predictions_path,
    means_path,
    *,
    dataset,
    model,
    variant,
    request,
    seeds,
    n_workers,
    n_gpus,
    checkpoints,
) -> None:
    """Write the predictions table of one variant on one data set, and the gene means behind it."""
    perturbation = read_perturbation(
        prepared, control=request["control"], stimulated=request["stimulated"]
    )
    questions, _ = questions_of(
        perturbation, hidden=request["hidden"], min_cells=request["min_cells"]
    )
    predictions, means = network_predictions(
        prepared,
        perturbation,
        questions,
        dataset=dataset,
        model=model,
        variant=Variant(**variant),
        stimulated=request["stimulated"],
        seeds=seeds,
        n_workers=n_workers,
        device=choose_device(n_gpus),
        checkpoints=checkpoints,
    )
    write_table(predictions, predictions_path)
    write_table(means, means_path)
    checkpoints.clear()


if __name__ == "__main__":
    log_to(snakemake.log[0])
    with threadpool_limits(limits=1), ending_a_job_when_asked():
        main(
            snakemake.input.prepared,
            snakemake.output.predictions,
            snakemake.output.means,
            dataset=snakemake.wildcards.dataset,
            model=snakemake.wildcards.model,
            variant=snakemake.params.variant,
            request=snakemake.params.request,
            seeds=snakemake.params.seeds,
            n_workers=snakemake.threads,
            n_gpus=cards_given(
                snakemake.resources.get("gpu", 0), snakemake.resources.get("gres", "")
            ),
            checkpoints=checkpoints_of_job(
                f"results/checkpoints/predictions/{snakemake.wildcards.dataset}/{snakemake.wildcards.model}",
                every_seconds=snakemake.config["checkpoints"]["every_seconds"],
                data=[snakemake.input.prepared],
                variant=snakemake.params.variant,
                code=snakemake.input.code,
            ),
        )
