"""A step of Adam in one compiled pass over a parameter, for float32 on a CPU. Importing it imports
numba.
"""

from typing import no_type_check

import numpy as np
from numba import njit

from latentbench.kernels.compiling import COMPILED


@njit(cache=True, **COMPILED)
@no_type_check
def adam_step(
    values, gradient, first, second, rate, beta1, beta2, second_correction, eps, weight_decay
):
    """Move ``values`` and both moments (all flat, of one length) by one step: Kingma and Ba 2015,
    algorithm 1, with the corrections of the moments in ``rate`` = learning rate / (1 - beta1^t) and
    ``second_correction`` = 1 / sqrt(1 - beta2^t); ``weight_decay`` times the values is added to the
    gradient."""
    one = np.float32(1)
    for i in range(values.shape[0]):
        g = gradient[i] + weight_decay * values[i]
        first[i] = beta1 * first[i] + (one - beta1) * g
        second[i] = beta2 * second[i] + (one - beta2) * g * g
        values[i] -= rate * first[i] / (np.sqrt(second[i]) * second_correction + eps)
