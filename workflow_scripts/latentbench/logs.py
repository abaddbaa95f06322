"""The one way to log: every script logs to its rule's log file and, for warnings, to the terminal."""

import logging
import sys
from pathlib import Path

logger = logging.getLogger("latentbench")


def log_to(path: str | Path) -> None:
    """Send the library's log lines and the script's uncaught errors to ``path``, warnings also to the terminal.

    A ``ValueError`` is a user's mistake: it is shown as one sentence, without a traceback, on the terminal and with one in the log.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    to_file = logging.FileHandler(path, mode="w")
    to_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", datefmt="%H:%M:%S"))
    to_terminal = logging.StreamHandler()
    to_terminal.setLevel(logging.WARNING)
    to_terminal.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    logger.handlers = [to_file, to_terminal]
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logging.captureWarnings(True)
    logging.getLogger("py.warnings").handlers = [to_file]
    sys.excepthook = _report_uncaught


def _report_uncaught(kind, error, traceback) -> None:
    to_file, to_terminal = logger.handlers
    logger.handlers = [to_file]
    logger.error("stopped", exc_info=(kind, error, traceback))
    if issubclass(kind, ValueError):
        sys.stderr.write(f"\nERROR: {error}\n")
    else:
        sys.__excepthook__(kind, error, traceback)
    logger.handlers = [to_file, to_terminal]
