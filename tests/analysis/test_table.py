"""Tables in CSV, Markdown and LaTeX, with names that mean harm."""

import csv
import io

from drywet.analysis import Table

TABLE = Table("t", "A & B", ("clip", "p"), (("<script>|x_1", 0.00012), ("=1+1", None), ("50 % $x$", 12.345)))


def test_csv_keeps_every_digit_and_makes_formulas_text():
    rows = list(csv.reader(io.StringIO(TABLE.as_csv())))
    assert rows[1] == ["<script>|x_1", "0.00012"]
    assert rows[2] == ["'=1+1", ""]
    assert rows[3][1] == "12.345"


def test_markdown_has_as_many_cells_as_headings_whatever_is_in_them():
    lines = TABLE.as_markdown().splitlines()
    assert lines[4] == r"| \<script\>\|x\_1 | 1e-04 |"
    assert lines[0] == "**A & B**"


def test_latex_escapes_what_is_special_to_it():
    text = TABLE.as_latex()
    assert r"\caption{A \& B}" in text
    assert r"\textless{}script\textgreater{}|x\_1 & 1e-04 \\" in text
    assert r"50 \% \$x\$ & 12.35 \\" in text
    assert r"\begin{tabular}{lr}" in text
