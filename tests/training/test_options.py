from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest
from training_calls import observed_classes

from latentbench.commands.config_reference import reference
from latentbench.study.options import Option
from latentbench.study.study import read_variants
from latentbench.training import fit as fitting
from latentbench.training import options
from latentbench.training.loop import TrainingLoop
from latentbench.training.options import Phase, training_options
from latentbench.training.replicas import build_replicas

ROOT = Path(__file__).parents[2]


def test_the_kl_weight_rises_linearly_and_beta_scales_it():
    phase = Phase(kl_warmup=0.5, term_weights={"kl_z": 4.0})
    weights = [
        phase.term_weights_at(epoch, 10, ("reconstruction", "kl_z", "kl_mine"))
        for epoch in (1, 3, 5, 10)
    ]
    assert [weight["kl_z"] for weight in weights] == pytest.approx([0.8, 2.4, 4.0, 4.0])
    assert [weight["kl_mine"] for weight in weights] == pytest.approx([0.2, 0.6, 1.0, 1.0])
    assert {weight["reconstruction"] for weight in weights} == {1.0}


@pytest.mark.parametrize(
    ("shape", "rates"),
    [("constant", [1, 1, 1]), ("linear", [1, 0.5, 0.25]), ("cosine", [1, 0.5, 0.1464466])],
)
def test_the_learning_rate_follows_its_schedule(shape, rates):
    phase = Phase(learning_rate=1.0, learning_rate_schedule=shape)
    assert [phase.learning_rate_at(step, 8) for step in (0, 4, 6)] == pytest.approx(rates)


def test_the_learning_rate_rises_over_its_warmup():
    phase = Phase(learning_rate=1.0, learning_rate_warmup=4)
    assert [phase.learning_rate_at(step, 100) for step in range(6)] == pytest.approx(
        [0.25, 0.5, 0.75, 1, 1, 1]
    )


def test_phases_take_over_what_they_do_not_give_themselves():
    first, second = training_options(
        {
            "epochs": 7,
            "learning_rate": 0.1,
            "phases": [{"name": "a", "epochs": 2}, {"name": "b", "learning_rate": 0.2}],
        }
    ).all_phases
    assert (first.epochs, first.learning_rate) == (2, 0.1)
    assert (second.epochs, second.learning_rate) == (7, 0.2)
    assert [phase.name for phase in training_options({"epochs": 7}).all_phases] == ["train"]


def test_an_unknown_key_or_a_missing_name_is_refused():
    with pytest.raises(
        ValueError, match=r"phases\[0\]: unknown key epoch; a phase takes batch_size"
    ):
        training_options({"phases": [{"name": "a", "epoch": 2}]})
    with pytest.raises(ValueError, match=r"phases\[1\] has no name"):
        training_options({"phases": [{"name": "a"}, {"epochs": 2}]})


@dataclass(frozen=True, kw_only=True)
class _Longer(options.TrainingOptions):
    patience_of_job: Annotated[int, Option("days of it", at_least=3)] = 7


def test_an_option_is_added_by_one_line(monkeypatch, training_data, tmp_path):
    """It is in the schema and the reference, a models sheet takes it, and the training has it."""
    monkeypatch.setattr(options, "TrainingOptions", _Longer)
    sheet, seen = tmp_path / "models.yaml", []
    line = "| `patience_of_job` | integer, default `7` | days of it, 3 or more |"
    assert line in reference(ROOT / "config/schemas")
    sheet.write_text("mine: {kind: ae, likelihood: gaussian, training: {patience_of_job: 2}}")
    with pytest.raises(ValueError, match="patience_of_job: 2 is less than the minimum of 3"):
        read_variants(sheet, [])
    sheet.write_text("mine: {kind: ae, likelihood: gaussian, training: {patience_of_jo: 4}}")
    with pytest.raises(ValueError, match=r"'patience_of_jo'.*patience_of_job"):
        read_variants(sheet, [])
    sheet.write_text("mine: {kind: ae, likelihood: gaussian, training: {patience_of_job: 4}}")
    stated = read_variants(sheet, [])["mine"]["training"]

    class Watched(TrainingLoop):
        def load_kernels(self):
            seen.append(self.options.patience_of_job)
            super().load_kernels()

    monkeypatch.setattr(fitting, "TrainingLoop", Watched)
    data = training_data()
    model = build_replicas("ae", data.n_vars, likelihood="gaussian", seeds=(0,), n_hidden=4)
    observed = observed_classes(data, seeds=(0,), n_clusters=None)
    fitting.fit(
        model,
        data,
        seeds=(0,),
        observed=observed,
        options=training_options(stated | {"epochs": 1}),
        run=fitting.RunOptions(show_progress=False),
    )
    assert seen == [4]
