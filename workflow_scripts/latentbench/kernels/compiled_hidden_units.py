"""The loops of ``hidden_units``, compiled by numba; the innermost runs over features, so that it is
vectorised. Importing it imports numba.

With m and s the mean and the standard deviation (eps inside) of a minibatch, u = (x - m) / s and n
rows (Ioffe and Szegedy 2015, arXiv:1502.03167):

    y = k relu(w u + b),  k = 1 / (1 - p) where a unit is kept, 0 where it is dropped
    g = k dL/dy where y > 0, else 0;  dL/db = sum g,  dL/dw = sum g u,  dL/dx = w / s (g - (dL/db +
                                      u dL/dw) / n)
"""

from typing import no_type_check

import numpy as np
from numba import njit

from latentbench.kernels.compiling import COMPILED

_ZERO, _ONE = np.float32(0), np.float32(1)


@njit(cache=True, **COMPILED)
@no_type_check
def forward(
    x,
    weight,
    bias,
    running_mean,
    running_variance,
    momentum,
    eps,
    bits,
    keeps_all,
    lowest_kept,
    scale,
    statistics,
    y,
):
    """Fill ``y`` and ``statistics`` (mean and 1 / deviation of every replica and feature), and move
    the running statistics.
    """
    n_replicas, n_rows, n_features = x.shape
    for replica in range(n_replicas):
        mean, inverse = statistics[0, replica], statistics[1, replica]
        mean[:] = _ZERO
        inverse[:] = _ZERO
        for row in range(n_rows):
            values = x[replica, row]
            for i in range(n_features):
                mean[i] += values[i]
        for i in range(n_features):
            mean[i] /= np.float32(n_rows)
        for row in range(n_rows):
            values = x[replica, row]
            for i in range(n_features):
                gap = values[i] - mean[i]
                inverse[i] += gap * gap
        for i in range(n_features):
            squares = inverse[i]
            running_mean[replica, i] += momentum * (mean[i] - running_mean[replica, i])
            running_variance[replica, i] += momentum * (
                squares / np.float32(max(n_rows - 1, 1)) - running_variance[replica, i]
            )
            inverse[i] = _ONE / np.sqrt(squares / np.float32(n_rows) + eps)
        w, b = weight[replica], bias[replica]
        for row in range(n_rows):
            values, out = x[replica, row], y[replica, row]
            for i in range(n_features):
                linear = w[i] * (values[i] - mean[i]) * inverse[i] + b[i]
                out[i] = _ZERO if linear < _ZERO else linear
            if not keeps_all:
                row_bits = bits[replica, row]
                for i in range(n_features):
                    out[i] = out[i] * scale if row_bits[i] >= lowest_kept else _ZERO


@njit(cache=True, **COMPILED)
@no_type_check
def backward(upstream, x, weight, y, statistics, scale, d_x, d_weight, d_bias):
    """Fill the gradients by x, weight and bias."""
    n_replicas, n_rows, n_features = x.shape
    for replica in range(n_replicas):
        mean, inverse, through_weight, through_bias = (
            statistics[0, replica],
            statistics[1, replica],
            d_weight[replica],
            d_bias[replica],
        )
        through_weight[:] = _ZERO
        through_bias[:] = _ZERO
        for row in range(n_rows):
            values, out, arriving, gradient = (
                x[replica, row],
                y[replica, row],
                upstream[replica, row],
                d_x[replica, row],
            )
            for i in range(n_features):
                gradient[i] = arriving[i] * scale if out[i] > _ZERO else _ZERO
            for i in range(n_features):
                through_bias[i] += gradient[i]
            for i in range(n_features):
                through_weight[i] += gradient[i] * (values[i] - mean[i]) * inverse[i]
        w, share = weight[replica], _ONE / np.float32(n_rows)
        for row in range(n_rows):
            values, gradient = x[replica, row], d_x[replica, row]
            for i in range(n_features):
                unit = (values[i] - mean[i]) * inverse[i]
                gradient[i] = (
                    w[i]
                    * inverse[i]
                    * (gradient[i] - share * (through_bias[i] + unit * through_weight[i]))
                )
