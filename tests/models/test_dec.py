import torch
from training_calls import fit, observed_classes

PHASES = [
    {"name": "pretrain", "epochs": 150, "term_weights": {"clustering": 0}},
    {"name": "cluster", "epochs": 50, "refresh_every": 10, "term_weights": {"reconstruction": 0}},
]


def test_three_separated_groups_are_recovered(ari_of_groups):
    assert (
        ari_of_groups("dec", phases=PHASES, hyperparameters={"n_latent": 3, "n_hidden": [16, 32]})
        == 1
    ).all()


def test_in_the_second_phase_the_decoder_stands_still_and_the_clusters_do_not(built):
    model, data, _, _ = built("dec", "gaussian")
    observed = observed_classes(data, seeds=(0, 1), n_clusters=4)
    first, both = (
        fit(
            model, data, seeds=(0, 1), observed=observed, phases=phases, batch_size=36
        ).model.state_dict()
        for phases in (
            [PHASES[0] | {"epochs": 2}],
            [PHASES[0] | {"epochs": 2}, PHASES[1] | {"epochs": 2}],
        )
    )
    for name, tensor in first.items():
        assert torch.equal(tensor, both[name]) == name.startswith("decoder"), name


def test_the_widths_of_the_decoder_are_those_of_the_encoder_in_reverse(built):
    model, _, _, _ = built("dec", "gaussian", n_hidden=[5, 6, 20])
    widths = [
        [layer.weight.shape[1:] for layer in part if hasattr(layer, "weight")]
        for part in (model.encoder, model.decoder)
    ]
    assert widths == [[(12, 5), (5, 6), (6, 20), (20, 3)], [(3, 20), (20, 6), (6, 5), (5, 12)]]
