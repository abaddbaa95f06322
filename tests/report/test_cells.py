from latentbench.report.cells import Cell, estimate, markdown, number, table


def test_a_column_in_which_no_row_has_anything_is_left_out():
    shown = table([{"a": "x", "b": number(None), "c": ""}, {"a": "y", "b": Cell(), "c": "z"}])
    assert shown.columns == ("a", "c")
    assert [[cell.text for cell in row] for row in shown.rows] == [["x", ""], ["y", "z"]]


def test_no_row_is_no_table():
    assert table([]) is None


def test_a_number_keeps_its_value_in_full_to_sort_by():
    assert number(-1234.5678, 1) == Cell("\u22121\u202f234.6", "-1234.5678", number=True)
    assert str(estimate(0.5, 0.25, 0.75)) == "0.500 [0.250, 0.750]"
    assert str(estimate(0.5, None, None)) == "0.500"


def test_a_table_goes_out_as_html_and_markdown_with_what_they_would_read_escaped():
    assert "&lt;b&gt; [1, 2]" in table([{"a": Cell("<b>", interval="[1, 2]")}]).html()
    assert markdown(["a"], [["x|y"]]) == "| a |\n| --- |\n| x&#124;y |\n"
