"""Rates from a file."""

from __future__ import annotations

import csv
from io import StringIO

import numpy as np
from pydantic import Field

from gossipsim.arrays import Floats
from gossipsim.component import InputFile
from gossipsim.errors import ScenarioError, nearest, shown
from gossipsim.graph import Graph
from gossipsim.rates.base import Demand, Rates
from gossipsim.text_files import amount, read_text


class File(Rates, name="file"):
    r"""Rates read from a CSV file with the header i,j,rate and every edge once, in any order and direction.

    Nodes go by their label when the graph has labels, else by number; rates are exchanges per unit time and are used
    as they stand.

    Raises
    ------
    ScenarioError
        With the line: an unknown edge, an edge given twice, a rate that is negative or no finite number.
        Without: an edge of the graph that is left out.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "rates.csv")
    ...     _ = path.write_text("i,j,rate\n2,1,0.5\n0,1,2\n")
    ...     File(file=path).solve(Graph.build("path", n=3), demand=lambda p: 1.0).tolist()
    [2.0, 0.5]
    """

    file: InputFile = Field(description="path of a CSV file with the header i,j,rate")

    def solve(self, graph: Graph, demand: Demand) -> Floats:
        """Return the rates of the file (m,) in the order of `graph.edges`."""
        try:
            return parse(read_text(self.file), graph)
        except ScenarioError as fault:
            raise ScenarioError(
                fault.message, key=("file",), allowed=fault.allowed, hint=fault.hint, file=self.file, line=fault.line
            ) from None


def parse(text: str, graph: Graph, column: str = "rate") -> Floats:
    r"""Return the numbers (m,), rates unless `column` names something else, that `text` gives to the edges of `graph`.

    Examples
    --------
    >>> parse("i,j,rate\n0,1,0.25\n", Graph.build("path", n=2)).tolist()
    [0.25]
    >>> parse("i,j,cost\n1,0,3\n", Graph.build("path", n=2), "cost").tolist()
    [3.0]
    """
    columns = ["i", "j", column]
    names = [str(label) for label in (range(graph.n) if graph.labels is None else graph.labels)]
    edges = {frozenset((names[i], names[j])): e for e, (i, j) in enumerate(graph.edges.tolist())}
    found = np.full(graph.m, np.nan)
    rows = csv.reader(StringIO(text, newline=""), strict=True)
    header: list[str] | None = None
    try:
        for cells in rows:
            row = [cell.strip() for cell in cells]
            if not any(row):
                continue
            if header is None:
                header = row
                if header != columns:
                    raise ScenarioError(f"header {','.join(row)!r}", line=rows.line_num, allowed=",".join(columns))
                continue
            if len(row) != 3:
                raise ScenarioError(
                    f"given {shown(cells)}", line=rows.line_num, allowed=f"three columns {','.join(columns)}"
                )
            e = _edge(row, edges, names, rows.line_num)
            if not np.isnan(found[e]):
                raise ScenarioError(f"edge {row[0]},{row[1]} is given twice", line=rows.line_num)
            found[e] = amount(row[2], column, rows.line_num)
    except csv.Error as fault:
        raise ScenarioError(f"malformed CSV: {fault}", line=rows.line_num) from None
    missing = np.flatnonzero(np.isnan(found))
    if len(missing):
        i, j = graph.edges[missing[0]]
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise ScenarioError(f"edge {names[i]},{names[j]}{more} is missing", allowed="every edge of the graph once")
    return found


def _edge(row: list[str], edges: dict[frozenset[str], int], names: list[str], line: int) -> int:
    e = edges.get(frozenset(row[:2]))
    if e is None:
        unknown = [name for name in row[:2] if name not in names]
        if unknown:
            raise ScenarioError(f"unknown node {unknown[0]!r}", line=line, hint=nearest(unknown[0], names[:10_000]))
        raise ScenarioError(f"the graph has no edge {row[0]},{row[1]}", line=line)
    return e
