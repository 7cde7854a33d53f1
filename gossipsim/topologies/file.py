"""A graph from a file."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gossipsim.component import InputFile
from gossipsim.errors import ScenarioError, nearest
from gossipsim.graph import Graph, numbering
from gossipsim.text_files import read_text
from gossipsim.topologies.base import Topology, require_connected
from gossipsim.topologies.readers import ENDINGS, READERS, Reading


class File(Topology, name="file"):
    r"""A graph read from a GraphML, GML, edge-list, adjacency-list, CSV or JSON node-link file.

    Nodes called 0, ..., n - 1 keep their numbers; others are numbered as they appear and keep their names as labels.
    Edges keep the order of the file. Files are UTF-8 text; an optional weight per edge must be a finite number >= 0.

    Raises
    ------
    ScenarioError
        A missing, empty, binary or malformed file, or a graph that is directed, disconnected, or has a self-loop or an
        edge given twice; with the file name and, where the format has lines, the line.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "ring.csv")
    ...     _ = path.write_text("source,target\n0,1\n1,2\n2,0\n")
    ...     File(file=path).build()
    Graph(n=3, m=3)
    """

    file: InputFile = Field(description="path of the graph file")
    format: Literal["graphml", "gml", "edgelist", "adjlist", "csv", "json"] | None = Field(
        default=None, description="default by the ending of the file name"
    )

    def make(self) -> Graph:
        """Return the graph of the file."""
        try:
            reading = READERS[self.format or self._format_by_ending()](read_text(self.file))
            graph = assemble(reading)
            require_connected(graph)
        except ScenarioError as fault:
            raise ScenarioError(
                fault.message, key=("file",), allowed=fault.allowed, hint=fault.hint, file=self.file, line=fault.line
            ) from None
        return graph

    def _format_by_ending(self) -> str:
        ending = self.file.suffix.lower()
        if ending not in ENDINGS:
            given = f"unknown ending {ending!r}" if ending else "the file name has no ending"
            allowed = f"{' '.join(ENDINGS)}, or a `format`"
            raise ScenarioError(given, allowed=allowed, hint=nearest(ending, ENDINGS))
        return ENDINGS[ending]


def assemble(reading: Reading) -> Graph:
    """Return the graph of what a reader found; faults carry the line of the edge that is to blame."""
    names = list(reading.nodes)
    whole = all(_is_whole(name) for name in names)
    index, labels = numbering([int(name) for name in names] if whole else names)
    number = {name: index[int(name) if whole else name] for name in names}
    weight = None if set(reading.weights) <= {None} else [1.0 if w is None else w for w in reading.weights]
    pairs = [(number[u], number[v]) for u, v in reading.edges]
    try:
        return Graph.from_edges(pairs, len(names), weight=weight, labels=labels)
    except ScenarioError as fault:
        row = fault.key[1] if len(fault.key) == 2 else None
        if isinstance(row, int):
            fault.line = reading.lines[row]
            if fault.line is None:
                fault.message += f" (edge number {row + 1})"
        elif not names:
            fault.message, fault.allowed = "the file holds no nodes", "a graph"
        raise


def _is_whole(name: str) -> bool:
    return name.isascii() and name.removeprefix("-").isdigit() and len(name) < 19 and str(int(name)) == name
