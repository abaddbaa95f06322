import numpy as np
import pytest
from scipy import sparse

from latentbench.preprocessing.shuffling import Shuffle


@pytest.mark.parametrize(("n_obs", "n_parts"), [(50, 1), (50, 4), (9, 4), (3, 7)])
@pytest.mark.parametrize("cut", [(), (1,), (2, 2, 3)])
def test_rows_come_back_in_the_new_order_however_they_were_put_down(tmp_path, n_obs, n_parts, cut):
    rng = np.random.default_rng(0)
    rows, order = rng.poisson(0.3, (n_obs, 6)).astype(np.int32), rng.permutation(n_obs)
    shuffle = Shuffle(tmp_path, order, 6, n_parts)

    for part in np.split(rows, cut):
        shuffle.put(sparse.csr_matrix(part))
    old, parts = zip(*shuffle.take(), strict=True)

    np.testing.assert_array_equal(np.concatenate(old), order)
    np.testing.assert_array_equal(sparse.vstack(parts).toarray(), rows[order])
    assert (shuffle.n_stored, shuffle.largest) == (np.count_nonzero(rows), rows.max())
    assert max(part.shape[0] for part in parts) <= -(-n_obs // n_parts)
