import pytest

from latentbench.training.options import Phase, training_options


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
