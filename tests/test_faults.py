import pytest

from latentbench.faults import naming, reading


def test_a_fault_that_does_not_say_where_it_is_gets_told():
    with pytest.raises(ValueError, match=r"^mine\.h5ad: too few genes$"), naming("mine.h5ad"):
        raise ValueError("too few genes")
    with pytest.raises(ValueError, match=r"^mine\.h5ad, line 3: a word$"), naming("mine.h5ad"):
        raise ValueError("mine.h5ad, line 3: a word")


def test_a_bug_is_not_taken_for_a_fault_of_the_data():
    with pytest.raises(KeyError), naming("mine.h5ad"):
        raise KeyError("x")


@pytest.mark.parametrize(
    "error",
    [KeyError("x"), OSError("no"), RuntimeError("vector"), TypeError("t"), MemoryError("7 TiB")],
)
def test_whatever_a_reader_raises_is_a_fault_of_the_file(error):
    with (
        pytest.raises(
            ValueError,
            match=rf"^mine.h5ad: cannot be read \({type(error).__name__}: .*it is damaged",
        ),
        reading("mine.h5ad"),
    ):
        raise error


def test_an_interruption_is_let_through():
    with pytest.raises(KeyboardInterrupt), reading("mine.h5ad"):
        raise KeyboardInterrupt
