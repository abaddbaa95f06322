import numpy as np
import pandas as pd

from latentbench.report.sections.ranks import note_of, ranks_table, sentences

RANKS = pd.DataFrame(
    {
        "scope": "all",
        "model": ["vae", "ae", "pca"],
        "mean_rank": [1.0, 2.0, 3.0],
        "rank_low": np.nan,
        "rank_high": np.nan,
        "cliques": ["a", "ab", "b"],
        "note": pd.NA,
    }
)


def made_tests(p_value=0.001):
    shared = {"statistic": 9.0, "df": 2.0, "df_residual": 14.0, "p_value": p_value}
    shared |= {"method": "exact", "n_datasets": 8, "n_models": 3, "critical_difference": 1.2}
    return pd.DataFrame([{"test": name, **shared} for name in ("iman_davenport", "nemenyi")])


def test_the_words_say_whether_anything_is_told_apart():
    told = sentences(made_tests())
    assert "F = 9.00 on 2 and 14 degrees of freedom, p = 0.001 (exact)" in told[0]
    assert "differ by 1.20 or more" in told[1]
    assert "no evidence that any two models differ" in sentences(made_tests(p_value=0.4))[0]


def test_a_rank_without_an_interval_shows_none():
    shown = ranks_table(RANKS, {"pca": "pca", "vae": "vae", "ae": "ae"})
    assert [str(row[1]) for row in shown.rows] == ["1.00", "2.00", "3.00"]
    assert note_of(RANKS) == ""
