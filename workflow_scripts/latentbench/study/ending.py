"""What is said, and done, when a run of a study stopped before its end. Light imports only.

A data set that cannot be used is no reason to withhold what was found on the others: where nothing
else failed, the study is planned again without it (config key ``refused``), within the same
command."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from latentbench.logs import Failure

RULES_OF_DATA = ("download", "preprocess")
"""What refuses a data set; each has one job, and so one log, a data set."""

MEND = "Mend what is named above and run the same command again: what is done stays done."
EARLIER = (
    "Until then results/tables, figures and report are those of an earlier run, if there are any."
)
STOPPED = (
    "Stopped before its end. Run the same command again and it goes on: what is done stays done."
)


def refused_datasets(failures: Sequence[Failure]) -> dict[str, str]:
    """Return the data sets that were refused, each with the reason; none where anything else failed
    too, which has to be mended first.
    """
    is_data = [each.is_refusal and each.log.parent.name in RULES_OF_DATA for each in failures]
    return {each.log.stem: each.sentence for each in failures} if all(is_data) else {}


def account_of(failures: Sequence[Failure], *, goes_on_without: Sequence[str]) -> str:
    """Return what is told at the end of a run that stopped."""
    told = [f"FAILED: {failure}" for failure in failures]
    if goes_on_without:
        names = " and ".join(goes_on_without)
        return "\n\n".join(
            [*told, f"The study goes on without {names}, to the report of the rest."]
        )
    if not failures:
        return STOPPED
    # The verdict comes when everything else is written.
    is_verdict = all(failure.log.stem == "verdict" for failure in failures)
    return "\n\n".join([*told, MEND if is_verdict else f"{MEND}\n{EARLIER}"])


def command_without(
    refused: Mapping[str, str], words: Sequence[str], overrides: Mapping[str, Any]
) -> list[str]:
    """Return the command that goes on without some data sets; ``words``: those of this one, after
    the program's name; ``overrides``: the keys of the config that it gave.

    The lock of the working directory is this command's, and is held until the other has ended."""
    config = {**overrides, "refused": {**overrides.get("refused", {}), **refused}}
    given = [f"{key}={_text(value)}" for key, value in config.items()]
    return [sys.executable, "-m", "snakemake", *words, "--nolock", "--config", *given]


def _text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, (dict, list)) else str(value)
