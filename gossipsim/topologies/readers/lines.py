"""Formats with one line for each edge or node: edge list, adjacency list, CSV."""

from __future__ import annotations

import ast
import csv
from collections.abc import Iterator
from io import StringIO

from gossipsim.errors import ScenarioError, nearest, shown
from gossipsim.topologies.readers.reading import Reading

HEADERS = {"source", "target", "from", "to", "i", "j", "u", "v", "src", "dst", "node1", "node2", "start", "end"}


def read_edge_list(text: str) -> Reading:
    r"""Read lines `u v`, `u v weight` or `u v {'weight': w}`; `#` and `%` start comments.

    Examples
    --------
    >>> read_edge_list("# ring\na b\nb c 2.5").weights
    [None, 2.5]
    """
    found = Reading()
    for line, content in _content(text):
        words = content.split(maxsplit=2)
        if len(words) < 2:
            raise ScenarioError(f"given {shown(content)}", line=line, allowed="two nodes, and perhaps a weight")
        rest = words[2] if len(words) == 3 else None
        found.edge(words[0], words[1], line, _attribute(rest, line) if rest and rest[0] == "{" else rest)
    return found


def read_adjacency_list(text: str) -> Reading:
    r"""Read lines `u v w ...`, a node and its neighbours; each edge stands once, or once at both of its ends.

    Examples
    --------
    >>> read_adjacency_list("0 1 2\n1 0 2\n2").edges
    [('0', '1'), ('0', '2'), ('1', '2')]
    """
    found = Reading()
    listed: set[tuple[str, str]] = set()
    for line, content in _content(text):
        u, *others = content.split()
        found.nodes.setdefault(u)
        for v in others:
            if (u, v) in listed:
                raise ScenarioError(f"node {u!r} lists {v!r} twice", line=line)
            listed.add((u, v))
            if (v, u) not in listed or u == v:
                found.edge(u, v, line)
    return found


def read_csv(text: str) -> Reading:
    r"""Read rows of two nodes and perhaps a weight, with or without a header; `,`, `;` or tab between columns.

    Examples
    --------
    >>> read_csv("source,target,weight\na,b,0.5\n").edges
    [('a', 'b')]
    """
    found = Reading()
    opening = text.lstrip().split("\n", maxsplit=1)[0]
    between = next((sign for sign in ",;\t" if sign in opening), ",")
    rows = csv.reader(StringIO(text, newline=""), delimiter=between, strict=True)
    columns = 0
    try:
        for cells in rows:
            row = [cell.strip() for cell in cells]
            if not any(row):
                continue
            if not columns:
                columns = len(row)
                if columns not in (2, 3):
                    raise ScenarioError(
                        f"{columns} columns", line=rows.line_num, allowed="two nodes and perhaps a weight"
                    )
                if _is_header(row, rows.line_num):
                    continue
            if len(row) != columns or not (row[0] and row[1]):
                raise ScenarioError(f"given {shown(cells)}", line=rows.line_num, allowed=f"{columns} filled columns")
            found.edge(row[0], row[1], rows.line_num, row[2] if columns == 3 else None)
    except csv.Error as fault:
        raise ScenarioError(f"malformed CSV: {fault}", line=rows.line_num) from None
    return found


def _is_header(row: list[str], line: int) -> bool:
    names = [cell.lower() for cell in row]
    named = set(names[:2]) <= HEADERS and names[0] != names[1]
    if len(row) == 2:
        return named
    if named and names[2] != "weight":
        try:
            float(names[2])
        except ValueError:
            hint = nearest(names[2], ["weight"])
            raise ScenarioError(f"unknown column {row[2]!r}", line=line, allowed="weight", hint=hint) from None
        return False
    return names[2] == "weight"


def _content(text: str) -> Iterator[tuple[int, str]]:
    for line, whole in enumerate(text.split("\n"), start=1):
        content = whole.split("#", maxsplit=1)[0].strip()
        if content and not content.startswith("%"):
            yield line, content


def _attribute(text: str, line: int) -> object:
    try:
        values = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise ScenarioError(f"given {shown(text)}", line=line, allowed="a weight, or {'weight': number}")
    return values.get("weight")
