"""Everything that has no number, with its reason."""

from typing import Any

from latentbench.files.tables import ANSWER_SUMMARY
from latentbench.outcomes import Outcome
from latentbench.report.results import Results
from latentbench.report.sections import Section
from latentbench.report.tables import failures


def view(results: Results) -> dict[str, Any]:
    """Return a row for everything without a number; for a training with the last lines of its
    log.
    """
    logs = results.logs
    rows = [*failures(results.tables).to_dict("records"), *without_answer(results)]
    return {
        "rows": [
            row
            | {
                "status": str(row["status"]).replace("_", " "),
                "log": logs.get((row["dataset"], row["model"]), "")
                if row["what"] == "training"
                else "",
            }
            for row in rows
        ]
    }


def without_answer(results: Results) -> list[dict[str, str]]:
    """Return a row for every data set on which no groups could be found without labels."""
    summary = results.table_if_any(ANSWER_SUMMARY.name)
    if summary is None:
        return []
    absent = summary[summary["status"] != Outcome.OK]
    told = {"model": "all", "seeds": "all", "what": "answer"}
    return [told | row for row in absent[["dataset", "status", "reason"]].to_dict("records")]


SECTION = Section(120, "Failures", view, heading="What did not work")
