"""Tests that share a study, or the machine's one SLURM, run in one worker: pytest-xdist may lose
the mark of a group and say nothing.
"""

import os

import pytest


@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="asks a worker of pytest-xdist")
@pytest.mark.usefixtures("finished")
def test_a_worker_knows_the_group_that_a_test_belongs_to(request):
    assert request.node.nodeid.endswith("@workflow")
