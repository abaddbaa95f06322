import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from latentbench.kernels import cpu, log_prob, reference
from latentbench.kernels.sparse_rows import sparse_rows

KERNELS = {
    "negative_binomial": ("scale_logits", "log_theta"),
    "zero_inflated_negative_binomial": ("scale_logits", "log_theta", "zi_logits"),
    "poisson": ("scale_logits",),
    "bernoulli": ("scale_logits",),
    "continuous_bernoulli": ("scale_logits",),
    "gaussian": ("scale_logits", "log_variance"),
}
COUNTS = ("negative_binomial", "zero_inflated_negative_binomial", "poisson")


def call(name: str, case: dict[str, torch.Tensor], *parameters: torch.Tensor) -> torch.Tensor:
    """Call a kernel with the data it takes, in the precision of its parameters; images read a grey
    value for a count.
    """
    x, size = (
        case[key].to(torch.promote_types(parameters[0].dtype, torch.float32))
        for key in ("x", "library_size")
    )
    return getattr(log_prob, name)(*((x, size) if name in COUNTS else (x % 8 / 7,)), *parameters)


def make_case(
    seed: int,
    *,
    replicas: int = 2,
    samples: tuple[int, ...] = (),
    obs: int = 3,
    n_vars: int = 5,
    extreme: bool = False,
) -> dict[str, torch.Tensor]:
    rng = np.random.default_rng(seed)
    ones = (1,) * len(samples)
    logit_range, log_theta_range, log_size_range, log_count_range = (
        (50, (np.log(1e-4), np.log(1e6)), np.log(1e6), np.log(1e6))
        if extreme
        else (2, (-1.5, 2), 5, 3)
    )
    counts = np.floor(np.exp(rng.uniform(0, log_count_range, (replicas, *ones, obs, n_vars)))) * (
        rng.random((replicas, *ones, obs, n_vars)) < 0.5
    )
    case = {
        "x": counts,
        "library_size": np.exp(rng.uniform(0, log_size_range, (replicas, *ones, obs, 1))),
        "scale_logits": rng.uniform(-logit_range, logit_range, (replicas, *samples, obs, n_vars)),
        "log_theta": rng.uniform(*log_theta_range, (replicas, *ones, 1, n_vars)),
        "zi_logits": rng.uniform(-logit_range, logit_range, (replicas, *samples, obs, n_vars)),
        "log_variance": rng.uniform(-3, 3, (replicas, *ones, 1, 1)),
    }
    # Representable in float32, so that both precisions see the same numbers.
    return {
        name: torch.from_numpy(array.astype(np.float32).astype(np.float64))
        for name, array in case.items()
    }


def evaluate(name: str, case: dict[str, torch.Tensor], dtype: torch.dtype) -> list[torch.Tensor]:
    """Return log p and the gradients of its weighted sum, all in float64."""
    parameters = [case[parameter].to(dtype).clone().requires_grad_() for parameter in KERNELS[name]]
    value = call(name, case, *parameters)
    weights = (
        torch.linspace(0.5, 1.5, value.numel(), dtype=torch.float64).view(value.shape).to(dtype)
    )
    return [
        tensor.double()
        for tensor in (value.detach(), *torch.autograd.grad((weights * value).sum(), parameters))
    ]


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("samples", [(), (3,)])
def test_gradients_by_hand_are_those_of_finite_differences(name, samples):
    case = make_case(0, samples=samples)
    parameters = [case[parameter].requires_grad_() for parameter in KERNELS[name]]
    assert torch.autograd.gradcheck(lambda *values: call(name, case, *values), parameters)


@pytest.mark.parametrize("name", ["negative_binomial", "zero_inflated_negative_binomial"])
def test_a_dispersion_of_every_cell_has_its_own_gradient(name):
    case = make_case(1)
    case["log_theta"] = torch.rand(case["scale_logits"].shape, dtype=torch.float64)
    parameters = [case[parameter].requires_grad_() for parameter in KERNELS[name]]
    assert torch.autograd.gradcheck(lambda *values: call(name, case, *values), parameters)


@pytest.mark.parametrize("name", KERNELS)
@given(
    seed=st.integers(0, 2**32 - 1),
    extreme=st.booleans(),
    samples=st.sampled_from([(), (3,)]),
    n_vars=st.sampled_from([1, 17, 40]),
)
@settings(max_examples=40, deadline=None)
def test_compiled_kernels_agree_with_double_precision_on_all_counts(
    name, seed, extreme, samples, n_vars
):
    """Counts 0 to 1e6, library 1 to 1e6, theta 1e-4 to 1e6, logits of +-50: finite, and right to a
    few roundings of the largest term in a cell's sum.
    """
    case = make_case(seed, samples=samples, n_vars=n_vars, extreme=extreme)
    fast, exact = evaluate(name, case, torch.float32), evaluate(name, case, torch.float64)
    x, size = case["x"], case["library_size"]
    largest_term = (x * (100 + torch.log1p(x)) + size * 15 + 50).amax()
    torch.testing.assert_close(fast[0], exact[0], rtol=3e-6, atol=float(1e-6 * largest_term))
    for gradient, truth in zip(fast[1:], exact[1:], strict=True):
        torch.testing.assert_close(
            gradient,
            truth,
            rtol=3e-6,
            atol=float(1e-6 * (x.amax() + size.amax() + 1) * x.shape[-2]),
        )


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_samples_that_share_x_give_what_a_loop_over_them_gives(name, dtype):
    case = make_case(2, samples=(3,))
    together = evaluate(name, case, dtype)[0]
    for sample in range(3):
        alone = {
            key: tensor[:, 0] if tensor.shape[1] == 1 else tensor[:, sample]
            for key, tensor in case.items()
        }
        torch.testing.assert_close(
            together[:, sample],
            evaluate(name, alone, dtype)[0],
            rtol=0,
            atol=0 if dtype == torch.float32 else 1e-12,
        )


@pytest.mark.parametrize("name", KERNELS)
def test_samples_may_each_have_their_own_x(name):
    case = make_case(3, samples=(2, 3))
    case["x"] = torch.poisson(torch.full((2, 2, 1, 3, 5), 2.0, dtype=torch.float64))
    for fast, exact in zip(
        evaluate(name, case, torch.float32), evaluate(name, case, torch.float64), strict=True
    ):
        torch.testing.assert_close(fast, exact, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("name", KERNELS)
def test_a_replica_has_the_same_bytes_alone_and_beside_others(name):
    case = make_case(4, replicas=3)
    value = evaluate(name, case, torch.float32)[0]
    for replica in range(3):
        alone = evaluate(
            name,
            {key: tensor[replica : replica + 1] for key, tensor in case.items()},
            torch.float32,
        )[0]
        assert torch.equal(value[replica : replica + 1], alone)


def test_parameters_of_one_replica_serve_them_all():
    case = make_case(5, replicas=3)
    case["log_theta"] = case["log_theta"][:1]
    for fast, exact in zip(
        evaluate("negative_binomial", case, torch.float32),
        evaluate("negative_binomial", case, torch.float64),
        strict=True,
    ):
        torch.testing.assert_close(fast, exact, rtol=1e-5, atol=1e-4)


def test_halves_of_a_decoders_outputs_are_read_where_they_lie():
    case = make_case(6)
    outputs = torch.cat([case["scale_logits"], case["zi_logits"]], dim=-1).float().requires_grad_()
    value = log_prob.zero_inflated_negative_binomial(
        case["x"].float(),
        case["library_size"].float(),
        outputs[..., :5],
        case["log_theta"].float(),
        outputs[..., 5:],
    )
    torch.testing.assert_close(
        value.double(),
        evaluate("zero_inflated_negative_binomial", case, torch.float64)[0],
        rtol=1e-5,
        atol=1e-4,
    )
    assert torch.isfinite(torch.autograd.grad(value.sum(), outputs)[0]).all()


def test_counts_that_are_no_integers_are_allowed():
    case = make_case(7)
    case["x"] = case["x"] + torch.tensor([0.25, 0.0, 1.5, 0.75, 30.5], dtype=torch.float64)
    for fast, exact in zip(
        evaluate("negative_binomial", case, torch.float32),
        evaluate("negative_binomial", case, torch.float64),
        strict=True,
    ):
        torch.testing.assert_close(fast, exact, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_bad_logit_shows_in_the_value_of_its_cell_alone(name, bad):
    case = make_case(8)
    case["scale_logits"][0, 1, 2] = bad
    value = evaluate(name, case, torch.float32)[0]
    assert (~torch.isfinite(value)).nonzero().tolist() == [[0, 1]]


def test_a_bad_zero_inflation_logit_or_dispersion_shows():
    case = make_case(9)
    case["zi_logits"][0, 1, 2] = float("nan")
    case["log_theta"][1, 0, 3] = float("nan")
    value = evaluate("zero_inflated_negative_binomial", case, torch.float32)[0]
    assert (~torch.isfinite(value)).nonzero().tolist() == [[0, 1], [1, 0], [1, 1], [1, 2]]


def test_without_gradients_the_value_is_the_same():
    case = {name: tensor.float() for name, tensor in make_case(10).items()}
    with torch.no_grad():
        value = log_prob.negative_binomial(
            case["x"], case["library_size"], case["scale_logits"], case["log_theta"]
        )
    torch.testing.assert_close(
        value.double(),
        evaluate("negative_binomial", make_case(10), torch.float32)[0],
        rtol=0,
        atol=0,
    )
    assert not value.requires_grad


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("samples", [(), (3,)])
def test_logits_in_bfloat16_are_read_exactly_and_their_gradient_is_rounded_once(name, samples):
    case = make_case(11, samples=samples, n_vars=21)
    for key in ("scale_logits", "zi_logits"):
        case[key] = case[key].bfloat16().double()
    results = []
    for kind in (torch.bfloat16, torch.float32):
        parameters = [
            case[key].to(kind if key.endswith("logits") else torch.float32).requires_grad_()
            for key in KERNELS[name]
        ]
        value = call(name, case, *parameters)
        results.append([value, *torch.autograd.grad(value.sum(), parameters)])
    (value, *rounded), (same_value, *exact) = results
    assert torch.equal(value, same_value)
    for one, other, key in zip(rounded, exact, KERNELS[name], strict=True):
        assert torch.equal(one, other.bfloat16() if key.endswith("logits") else other)


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("samples", [(), (3,)])
def test_sparse_counts_give_the_bytes_of_dense_ones(name, samples):
    case = {
        key: tensor.float() for key, tensor in make_case(12, samples=samples, n_vars=21).items()
    }
    counts = case["x"].reshape(2, 3, 21)
    rows = sparse_rows(sparse.csr_array(counts.reshape(6, 21).numpy())).gather(
        torch.arange(6).view(2, 3)
    )
    results = []
    for x in (case["x"], rows.unsqueeze(1) if samples else rows):
        parameters = [case[key].clone().requires_grad_() for key in KERNELS[name]]
        value = getattr(log_prob, name)(x, case["library_size"], *parameters)
        results.append([value, *torch.autograd.grad(value.sum(), parameters)])
    assert all(torch.equal(one, other) for one, other in zip(*results, strict=True))


def test_a_value_that_nobody_wants_is_nan_and_the_gradient_is_there():
    case = make_case(13)
    logits = case["scale_logits"].float().requires_grad_()
    with log_prob.gradients_only():
        value = call("poisson", case, logits)
        with torch.no_grad():
            assert torch.isfinite(call("poisson", case, logits)).all(), (
                "where no gradient will be asked for, the value is what is wanted"
            )
    assert torch.isnan(value).all()
    (gradient,) = torch.autograd.grad(value.sum(), logits)
    torch.testing.assert_close(
        gradient.double(),
        torch.autograd.grad(call("poisson", case, logits).sum(), logits)[0].double(),
    )


def test_the_backend_follows_device_and_precision():
    assert log_prob.load_backend("poisson", torch.device("cpu"), torch.bfloat16) is cpu
    assert log_prob.load_backend("poisson", torch.device("cpu"), torch.float32) is cpu
    assert log_prob.load_backend("poisson", torch.device("cpu"), torch.float64) is reference


@pytest.mark.parametrize("name", KERNELS)
def test_the_bytes_do_not_depend_on_where_the_allocator_puts_the_arrays(name):
    case = {key: tensor.float() for key, tensor in make_case(14, n_vars=21).items()}
    results, in_between = [], []
    for i in range(60):
        parameters = [case[key].clone().requires_grad_() for key in KERNELS[name]]
        value = call(name, {**case, "x": case["x"].clone()}, *parameters)
        results.append([value, *torch.autograd.grad(value.sum(), parameters)])
        in_between.append(torch.empty(7 * i + 1))
    assert all(
        torch.equal(one, other)
        for result in results
        for one, other in zip(result, results[0], strict=True)
    )
