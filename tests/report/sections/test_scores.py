from dataclasses import replace

from latentbench.report.sections.scores import scores_table


def test_a_model_is_marked_where_it_was_tuned_and_nowhere_else(tables):
    summary = tables.summary.assign(
        tuned_here=(tables.summary["model"] == "vae") & (tables.summary["dataset"] == "digits")
    )
    told = replace(tables, summary=summary)
    names = {
        dataset: [row[0].text for row in scores_table(told.of_dataset(dataset)).rows]
        for dataset in ("digits", "blobs")
    }
    assert [name for name in names["digits"] if "‡" in name] == ["vae ‡"]
    assert not any("‡" in name for name in names["blobs"])
