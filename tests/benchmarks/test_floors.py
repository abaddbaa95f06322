import pytest
from floors import Rates, arithmetic_floor, floor_terms, n_parameters
from sides.task import Task

from latentbench.training.replicas import build_replicas

TASK = Task("nb", n_vars=1_000, n_hidden=100, n_latent=5, batch_size=50)
RATES = Rates(n_cores=2, dense=1e11, sparse=1e10, bandwidth=1e10)


def test_the_terms_of_the_floor_by_hand():
    terms = floor_terms(TASK, RATES, density=0.1, sparse_input=True)
    assert terms["decoder"] == pytest.approx(6e-6)  # 6 x 1000 x 100 flops at 1e11 a second
    assert terms["first layer"] == pytest.approx(4e-6)  # a tenth of 4 x 1000 x 100 at 1e10
    assert terms["likelihood"] == pytest.approx(0.8e-6)  # 1.6 ns x 1000 on two cores
    assert terms["Adam"] == pytest.approx(28 * n_parameters(TASK) / 5e11)


def test_a_dense_first_layer_pays_for_the_zeros_but_at_the_dense_rate():
    assert floor_terms(TASK, RATES, density=0.1, sparse_input=False)[
        "first layer"
    ] == pytest.approx(4e-6)
    assert floor_terms(TASK, RATES, density=0.9, sparse_input=False)[
        "first layer"
    ] == pytest.approx(4e-6)


def test_the_arithmetic_floor_counts_products_alone_at_the_dense_rate():
    assert arithmetic_floor(TASK, RATES, density=0.1, sparse_input=True) == pytest.approx(6.4e-6)
    assert arithmetic_floor(TASK, RATES, density=0.1, sparse_input=False) == pytest.approx(10e-6)


def test_the_parameters_are_those_of_the_model_that_is_trained():
    network = {"n_latent": TASK.n_latent, "n_hidden": TASK.n_hidden, "n_layers": 1}
    model = build_replicas("vae", TASK.n_vars, likelihood="nb", seeds=[0], **network)
    assert n_parameters(TASK) == sum(parameter.numel() for parameter in model.parameters())
