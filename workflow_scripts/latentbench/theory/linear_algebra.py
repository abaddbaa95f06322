"""The matrix identities that the linear chapter rests on.

    ||X||_F^2 = tr(X* X) = sum_ij |x_ij|^2                                   (2.1)
    X = U S V*,  V_r = X* U_r S_r^-1,  U_r* X V_r = S_r                      (2.2)

X* is the conjugate transpose: the matrices here are complex, so that a mere transpose would show.
"""

import numpy as np
from jaxtyping import Complex

from latentbench.theory.checks import Check, equal


def checks() -> list[Check]:
    """Check (2.1) and (2.2) on a complex matrix of rank 4."""
    rng = np.random.default_rng(0)
    X = _complex_normal(rng, 9, 4) @ _complex_normal(rng, 4, 6)
    return [*norm_checks(X), *singular_value_checks(X, rank=4)]


def norm_checks(X: Complex[np.ndarray, "rows columns"]) -> list[Check]:
    """Check equation (2.1)."""
    squared_norm = np.linalg.norm(X) ** 2
    return [
        equal(
            "(2.1)",
            "the squared Frobenius norm is the trace of X* X",
            squared_norm,
            np.trace(X.conj().T @ X),
            tolerance=1e-9 * squared_norm,
        ),
        equal(
            "(2.1)",
            "the squared Frobenius norm is the sum of the squared entries",
            squared_norm,
            (np.abs(X) ** 2).sum(),
            tolerance=1e-9 * squared_norm,
        ),
    ]


def singular_value_checks(X: Complex[np.ndarray, "rows columns"], *, rank: int) -> list[Check]:
    """Check equation (2.2), r the rank."""
    U, s, V_h = np.linalg.svd(X, full_matrices=False)
    U_r, s_r, V_r = U[:, :rank], s[:rank], V_h[:rank].conj().T
    return [
        equal("(2.2)", "the first r singular triplets make up X", U_r * s_r @ V_r.conj().T, X),
        equal("(2.2)", "V_r = X* U_r S_r^-1", X.conj().T @ U_r / s_r, V_r),
        equal("(2.2)", "U_r* X V_r = S_r", U_r.conj().T @ X @ V_r, np.diag(s_r)),
        equal(
            "(2.2)", "the singular values past the rank are zero", s[rank:], np.zeros(len(s) - rank)
        ),
        equal(
            "(2.1), (2.2)",
            "the squared Frobenius norm is the sum of the squared singular values",
            np.linalg.norm(X) ** 2,
            (s**2).sum(),
            tolerance=1e-8,
        ),
    ]


def _complex_normal(rng: np.random.Generator, *shape: int) -> Complex[np.ndarray, "rows columns"]:
    real, imaginary = rng.standard_normal((2, *shape))
    return real + 1j * imaginary
