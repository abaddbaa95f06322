"""Everything that has no number, with its reason."""

from typing import Any

from latentbench.report.results import Results
from latentbench.report.sections import Section
from latentbench.report.tables import failures


def view(results: Results) -> dict[str, Any]:
    """Return a row for everything without a number; for a training with the last lines of its
    log.
    """
    logs = results.logs
    rows = failures(results.tables).to_dict("records")
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


SECTION = Section(120, "Failures", view, heading="What did not work")
