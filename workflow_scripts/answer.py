"""Find the groups of one data set, how sure they are and which model to take, without labels."""

from threadpoolctl import threadpool_limits

from latentbench.answer.answer_tables import answer_tables, cells_table
from latentbench.answer.dataset_answer import (
    answer_of,
    first_markers,
    markers_of_answer,
    predictive_scores,
)
from latentbench.evaluation.unseen_counts import unseen_counts
from latentbench.files.embedding import first_codes
from latentbench.files.members import read_members
from latentbench.files.prepared import PreparedFile
from latentbench.files.tables import ANSWER_CELLS, ANSWER_MARKERS, ANSWER_TABLES
from latentbench.logs import log_to


def main(
    prepared_path,
    embedding_paths,
    member_paths,
    cells_path,
    markers_path,
    table_paths,
    *,
    dataset,
    n_clusters,
) -> None:
    """Write the answer of ``dataset``; ``embedding_paths``, ``member_paths``: by variant,
    ``table_paths``: by name in ``ANSWER_TABLES``.
    """
    prepared = PreparedFile(prepared_path)
    found = {model: read_members(path, model) for model, path in member_paths.items()}
    for cells, _ in found.values():
        prepared.cells.require(cells)
    codes = first_codes(embedding_paths)
    counts = unseen_counts(prepared, embedding_paths.values())
    answered = answer_of(
        [brought for _, brought in found.values()],
        counts=counts,
        codes=codes,
        batch=prepared.batch,
        n_clusters=n_clusters,
        predictive=predictive_scores(codes, counts, prepared.is_train),
    )
    markers = markers_of_answer(answered, prepared.var.index[prepared.is_modelled])
    ANSWER_MARKERS.write(ANSWER_MARKERS.frame() if markers is None else markers, markers_path)
    tables = answer_tables(
        answered.answer,
        dataset=dataset,
        n_cells=len(prepared.obs),
        n_clusters=n_clusters,
        null=answered.null,
        counts=answered.counts,
        pairs=answered.pairs,
        markers=None if markers is None else first_markers(markers),
    )
    for name, table in ANSWER_TABLES.items():
        table.write(tables[table.name], table_paths[name])
    ANSWER_CELLS.write(cells_table(answered.answer, prepared.obs.index), cells_path)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    with threadpool_limits(limits=snakemake.threads):
        main(
            snakemake.input.prepared,
            dict(zip(snakemake.params.models, snakemake.input.embeddings, strict=True)),
            dict(zip(snakemake.params.models, snakemake.input.members, strict=True)),
            snakemake.output.cells,
            snakemake.output.markers,
            {name: snakemake.output[name] for name in ANSWER_TABLES},
            dataset=snakemake.wildcards.dataset,
            n_clusters=snakemake.params.n_clusters,
        )
