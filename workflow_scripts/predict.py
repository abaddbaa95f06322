"""Predict the stimulated cells of one cell type at a time by one variant, all its seeds trained without them."""

from threadpoolctl import threadpool_limits

from latentbench.artefacts import write_table
from latentbench.logs import log_to
from latentbench.prediction.networks import network_predictions
from latentbench.prediction.protocol import held_out_types, read_perturbation
from latentbench.training.devices import cards_given, choose_device
from latentbench.training.variant import Variant


def main(prepared, predictions_path, *, dataset, model, variant, request, seeds, n_workers, n_gpus) -> None:
    """Write the predictions table of one variant on one data set."""
    perturbation = read_perturbation(prepared, control=request["control"], stimulated=request["stimulated"])
    questions, _ = held_out_types(perturbation, min_cells=request["min_cells"])
    predictions = network_predictions(
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
    )
    write_table(predictions, predictions_path)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    with threadpool_limits(limits=1):
        main(
            snakemake.input.prepared,
            snakemake.output.predictions,
            dataset=snakemake.wildcards.dataset,
            model=snakemake.wildcards.model,
            variant=snakemake.params.variant,
            request=snakemake.params.request,
            seeds=snakemake.params.seeds,
            n_workers=snakemake.threads,
            n_gpus=cards_given(snakemake.resources.get("gpu", 0), snakemake.resources.get("gres", "")),
        )
