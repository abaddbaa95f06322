from contextlib import ExitStack
from dataclasses import asdict

import driver
import pytest
from driver import Side, interleaved, microseconds_a_cell, open_sides, time_one_model
from sides.codes import Evaluation
from sides.task import Task, mnist_sized
from simulated_data import write_codes

TINY = {"n_train": 64, "n_test": 32, "n_hidden": 8, "n_latent": 2, "batch_size": 32}


@pytest.fixture(autouse=True)
def results(tmp_path, monkeypatch):
    monkeypatch.setattr(driver, "RESULTS", tmp_path)


def test_every_round_asks_all_in_turn_and_the_first_is_thrown_away():
    asked = []
    frame = interleaved(
        {
            name: lambda number, name=name: asked.append((number, name)) or 10.0 * number
            for name in ("a", "b")
        },
        rounds=2,
    )
    assert asked == [(0, "a"), (0, "b"), (1, "b"), (1, "a"), (2, "a"), (2, "b")]
    assert frame.to_numpy().tolist() == [
        ["a", 1, 10.0],
        ["a", 2, 20.0],
        ["b", 1, 10.0],
        ["b", 2, 20.0],
    ]


def test_seconds_of_an_epoch_become_microseconds_a_cell():
    times = microseconds_a_cell({"a": lambda number: 0.5}, Task("nb", n_train=1_000), rounds=1)
    assert times["us_per_cell"].tolist() == [500]


@pytest.mark.slow
def test_the_projects_own_side_and_the_plain_loop_train_every_task_of_the_benchmarks(tmp_path):
    tasks = {likelihood: Task(likelihood, n_vars=30, **TINY) for likelihood in ("nb", "zinb")}
    tasks |= {
        likelihood: Task(**{**vars(mnist_sized(likelihood, n_train=64)), **TINY})
        for likelihood in ("gaussian", "bernoulli")
    }
    with ExitStack() as stack:
        sides = open_sides(
            stack,
            Side("latentbench", "latentbench_side.py"),
            Side("plain loop", "plain_loop_side.py"),
        )
        times = time_one_model(sides, tasks, str(tmp_path), rounds=1, epochs=1, device="cpu")
        together = sides["latentbench"].ask(
            "train_side_by_side",
            data=driver.written(tasks["nb"], str(tmp_path)),
            task=tasks["nb"],
            seeds=[0, 1],
            epochs=1,
            n_workers=2,
        )
    assert times[["task", "side"]].drop_duplicates().shape[0] == 8
    assert (times["us_per_cell"] > 0).all()
    assert together > 0


def test_the_projects_own_side_evaluates_codes_step_by_step(tmp_path):
    write_codes(300, tmp_path / "codes.npz")
    with Side("latentbench", "evaluation_side.py") as side:
        answer = side.ask(
            "evaluate",
            data=str(tmp_path / "codes.npz"),
            seed=0,
            evaluation=asdict(Evaluation(resolutions=(1.0, 2.0))),
        )
    assert list(answer["seconds"]) == ["graph", "Leiden", "ARI and NMI", "silhouette"]
    assert min(answer["seconds"].values()) > 0
    assert answer["ari"] > 0.5


def test_a_side_that_ends_is_named_with_its_last_message_and_its_log():
    with (
        pytest.raises(
            RuntimeError, match=r"the side machine ended: .*no_such_command.*machine\.log"
        ),
        Side("machine", "machine_side.py") as side,
    ):
        side.ask("no_such_command")
