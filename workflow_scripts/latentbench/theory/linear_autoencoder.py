"""A linear autoencoder is PCA (Bourlard and Kamp 1988, doi:10.1007/BF00332918; Baldi and Hornik
1989, doi:10.1016/0893-6080(89)90014-2).

    min over V'V = I of ||X - X V V'||_F^2 = sum_{i > l} s_i^2               (2.3)
    min over E, D of ||X - X E D||_F^2, the same                             (2.4)
    at the minimum D = E+, D E = I, span(E) = span(D') = span(V_l)           (2.5)
    f(X) is f row by row; the loss of b rows is 1/b ||X - f(X)||_F^2         (2.6)-(2.8)

E is n_vars x l, D is l x n_vars, V_l the first l right singular vectors of the centred X. (2.5)
needs X of full column rank and s_l > s_{l+1}: where that fails, the rows show what fails. The
minimum is found by exact alternating least squares, in which neither V_l nor the singular values
appear."""

import numpy as np
from jaxtyping import Float
from scipy.linalg import null_space, subspace_angles

from latentbench.theory.checks import Check, equal, unequal

N_LATENT = 3


def checks() -> list[Check]:
    """Check (2.3)-(2.8) on full-rank data, on data without full column rank, on tied singular
    values and with biases.
    """
    rng = np.random.default_rng(0)
    full = _centred(rng.standard_normal((60, 8)) * np.array([5, 4, 3, 2, 1, 1, 0.5, 0.5]))
    wide = _centred(rng.standard_normal((12, 20)) * np.linspace(4, 1, 20))
    wide[:, 0] = 0  # a variable without any variance, as the border of an image is
    left, right = (np.linalg.qr(rng.standard_normal(shape))[0] for shape in ((20, 6), (6, 6)))
    tied = left * np.array([5.0, 4.0, 2.0, 2.0, 1.0, 0.5]) @ right.T
    return [
        *full_rank_checks(full),
        *rank_deficient_checks(wide),
        *tie_checks(tied),
        *bias_checks(full + rng.standard_normal(8)),
        *batch_checks(full),
    ]


def fit_linear_autoencoder(
    X: Float[np.ndarray, "obs vars"], n_latent: int, *, seed: int = 0, n_iterations: int = 500
) -> tuple[Float[np.ndarray, "vars latent"], Float[np.ndarray, "latent vars"]]:
    """Return (E, D) at the minimum of (2.4): D is the least-squares fit to the codes X E, E that to
    D, in turns.
    """
    E = np.random.default_rng(seed).standard_normal((X.shape[1], n_latent))
    for _ in range(n_iterations):
        D = np.linalg.lstsq(X @ E, X, rcond=None)[0]
        E = np.linalg.pinv(D)
    return E, D


def full_rank_checks(X: Float[np.ndarray, "obs vars"]) -> list[Check]:
    """Check (2.3)-(2.5) on centred data of full column rank."""
    E, D = fit_linear_autoencoder(X, N_LATENT)
    V_l, discarded = _principal(X)
    return [
        equal(
            "(2.3)",
            "PCA's loss is the sum of the discarded squared singular values",
            _loss(X, V_l, V_l.T),
            discarded,
        ),
        equal("(2.4)", "the linear autoencoder's least loss is PCA's", _loss(X, E, D), discarded),
        equal("(2.5)", "D is the pseudoinverse of E", D, np.linalg.pinv(E)),
        equal("(2.5)", "D E is the identity", D @ E, np.eye(N_LATENT)),
        equal("(2.5)", "E D is a projector", E @ D @ E @ D, E @ D),
        equal("(2.5)", "E D projects onto the span of V_l", E @ D, V_l @ V_l.T),
        equal(
            "(2.5)",
            "largest angle between the rows of D and V_l (degrees)",
            _angle(D.T, V_l),
            0.0,
            tolerance=1e-5,
        ),
        equal(
            "(2.5)",
            "largest angle between the columns of E and V_l (degrees)",
            _angle(E, V_l),
            0.0,
            tolerance=1e-5,
        ),
    ]


def rank_deficient_checks(X: Float[np.ndarray, "obs vars"]) -> list[Check]:
    """Show what is left of (2.5) without full column rank: E + N is as good as E for every N with X
    N = 0.
    """
    E, D = fit_linear_autoencoder(X, N_LATENT)
    V_l, discarded = _principal(X)
    hidden = null_space(X)
    other = E + hidden @ np.random.default_rng(1).standard_normal((hidden.shape[1], N_LATENT))
    return [
        equal(
            "(2.4)",
            "without full column rank the least loss is still PCA's",
            _loss(X, E, D),
            discarded,
        ),
        equal(
            "(2.4)",
            "without full column rank another E has the same loss",
            _loss(X, other, D),
            discarded,
        ),
        unequal("(2.5)", "and for it D = E+ fails", D, np.linalg.pinv(other)),
        unequal(
            "(2.5)",
            "and for it span(E) = span(V_l) fails (degrees)",
            _angle(other, V_l),
            0.0,
            tolerance=1.0,
        ),
        equal(
            "(2.5)",
            "while the rows of D still span V_l (degrees)",
            _angle(D.T, V_l),
            0.0,
            tolerance=1e-5,
        ),
    ]


def tie_checks(X: Float[np.ndarray, "obs vars"]) -> list[Check]:
    """Show that at s_l = s_{l+1} two minima of one loss have different spans."""
    (E, D), (E_other, D_other) = (fit_linear_autoencoder(X, N_LATENT, seed=seed) for seed in (0, 1))
    return [
        equal(
            "(2.4)",
            "at a tie s_l = s_{l+1} two minima have one loss",
            _loss(X, E, D),
            _loss(X, E_other, D_other),
        ),
        unequal(
            "(2.5)", "and different subspaces (degrees)", _angle(D.T, D_other.T), 0.0, tolerance=1.0
        ),
    ]


def bias_checks(X: Float[np.ndarray, "obs vars"], n_iterations: int = 500) -> list[Check]:
    """Check that with biases the linear autoencoder of data that are not centred is PCA of the
    centred data.
    """
    D = np.random.default_rng(0).standard_normal((N_LATENT, X.shape[1]))
    c = np.zeros(X.shape[1])
    for _ in range(n_iterations):
        # encoder z = (x - c) D+, whose own bias is -c D+; then decoder and its bias c by least
        # squares on [z, 1]
        codes = np.hstack([(X - c) @ np.linalg.pinv(D), np.ones((len(X), 1))])
        fitted = np.linalg.lstsq(codes, X, rcond=None)[0]
        D, c = fitted[:-1], fitted[-1]
    V_l, discarded = _principal(_centred(X))
    loss = np.linalg.norm(X - (X - c) @ np.linalg.pinv(D) @ D - c) ** 2
    return [
        equal(
            "(2.3)-(2.5)",
            "with biases the least loss is PCA's of the centred data",
            loss,
            discarded,
        ),
        equal(
            "(2.3)-(2.5)",
            "with biases the rows of D span V_l of the centred data (degrees)",
            _angle(D.T, V_l),
            0.0,
            tolerance=1e-5,
        ),
    ]


def batch_checks(X: Float[np.ndarray, "obs vars"]) -> list[Check]:
    """Check (2.6)-(2.8) with the map f(x) = tanh(x A) B."""
    rng = np.random.default_rng(2)
    A, B = rng.standard_normal((X.shape[1], 4)), rng.standard_normal((4, X.shape[1]))

    def batch_loss(rows: Float[np.ndarray, "obs vars"]) -> float:
        return float(np.linalg.norm(rows - np.tanh(rows @ A) @ B) ** 2 / len(rows))

    row_by_row = np.array([np.tanh(x @ A) @ B for x in X])
    mean_of_losses = np.mean(
        [np.linalg.norm(x - f) ** 2 for x, f in zip(X, row_by_row, strict=True)]
    )
    even, uneven = np.split(rng.permutation(X), 6), np.split(X, [5, 30])
    shares = np.array([len(part) / len(X) for part in uneven])
    return [
        equal(
            "(2.6)",
            "the map of a batch is the map of its rows, i = 1 to b",
            np.tanh(X @ A) @ B,
            row_by_row,
        ),
        equal(
            "(2.7)",
            "the mean loss of b rows is 1/b times the squared Frobenius norm",
            batch_loss(X),
            mean_of_losses,
        ),
        equal(
            "(2.8)",
            "the mean over equal parts, shuffled, is the loss of the whole",
            np.mean([batch_loss(part) for part in even]),
            batch_loss(X),
        ),
        equal(
            "(2.8)",
            "unequal parts count by their share",
            shares @ [batch_loss(part) for part in uneven],
            batch_loss(X),
        ),
        unequal(
            "(2.8)",
            "and without their shares the mean is another",
            np.mean([batch_loss(part) for part in uneven]),
            batch_loss(X),
        ),
    ]


def _loss(
    X: Float[np.ndarray, "obs vars"],
    E: Float[np.ndarray, "vars latent"],
    D: Float[np.ndarray, "latent vars"],
) -> float:
    return float(np.linalg.norm(X - X @ E @ D) ** 2)


def _principal(X: Float[np.ndarray, "obs vars"]) -> tuple[Float[np.ndarray, "vars latent"], float]:
    """Return V_l and the sum of the discarded squared singular values."""
    _, s, V_t = np.linalg.svd(X, full_matrices=False)
    return V_t[:N_LATENT].T, float((s[N_LATENT:] ** 2).sum())


def _angle(a: Float[np.ndarray, "vars latent"], b: Float[np.ndarray, "vars latent"]) -> float:
    return float(np.degrees(subspace_angles(a, b).max()))


def _centred(X: Float[np.ndarray, "obs vars"]) -> Float[np.ndarray, "obs vars"]:
    return X - X.mean(axis=0)
