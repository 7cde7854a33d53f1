"""Laws of durations read from files."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from gossipsim.arrays import Integers
from gossipsim.component import InputFile, Settings
from gossipsim.errors import ScenarioError
from gossipsim.law.base import Law, Vector
from gossipsim.text_files import amount, inside, node_number, node_numbers, read_columns, read_rows, read_text

if TYPE_CHECKING:
    from gossipsim.graph import Graph

MOST = 1_000_000
"""Most durations that a file may hold."""


class Replay(Law, name="file"):
    r"""Durations drawn from a file of measured ones, each with equal probability.

    The empirical quantile function: T = t_(1 + floor(K u)) for the sorted durations t_(1) <= ... <= t_(K).

    Parameters
    ----------
    file : path
        An npz file with an array `durations` `(K,)`, or a text or CSV file with one number per line, below an optional
        header line. At most a million finite durations, none negative.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> path = Path(tempfile.mkdtemp()) / "times.txt"
    >>> _ = path.write_text("duration\n3\n1\n")
    >>> law = Replay(file=path)
    >>> law.mean, law.sample(np.array([[0.4, 0.5], [0.6, 0.5]]))
    (2.0, array([1., 3.]))
    """

    file: InputFile

    @cached_property
    def durations(self) -> Vector:
        """The sorted durations, `(K,)`; raises `ScenarioError` with key `file` if the file does not hold them."""
        if self.file.suffix.lower() == ".npz":
            found = self._array()
        else:
            with inside(self.file):
                found = _numbers(read_text(self.file, "durations"))
        if not 0 < len(found) <= MOST:
            raise ScenarioError(f"{self.file.name} holds {len(found)} durations", key=("file",), allowed=f"1 to {MOST}")
        return np.sort(found)

    def on(self, graph: Graph) -> Replay:
        """Return the law itself, its file read."""
        assert len(self.durations)
        return self

    def _array(self) -> Vector:
        from gossipsim.problems.files import arrays, numbers

        found = numbers(arrays(self.file, ["durations"])["durations"], "durations", 1, self.file)
        if (found < 0.0).any():
            k = int(np.argmax(found < 0.0))
            raise ScenarioError(
                f"duration {k} in {self.file.name} is {found[k]}", key=("file",), allowed="finite numbers >= 0"
            )
        return found

    @property
    def mean(self) -> float:
        """Mean of the durations."""
        return math.fsum(self.durations) / len(self.durations)

    def sample(self, u: Vector) -> Vector:
        """Return durations by rank, `(k,)`."""
        return np.asarray(self.durations[(u[:, 0] * len(self.durations)).astype(np.int64)])


def _numbers(text: str) -> Vector:
    found = []
    for k, (line, cells) in enumerate(read_rows(text)):
        if k == 0 and not cells[0][:1].isdigit() and cells[0][:1] not in "+-.":
            continue
        found.append(amount(cells[0], "duration", line))
    return np.array(found, dtype=np.float64)


class Trace(Law, name="trace"):
    r"""Compute times as they were measured on every node, in their order, repeated when they end; for `fleet.compute`.

    Parameters
    ----------
    file : path
        CSV with the columns `node` and `duration`: the k-th line of a node is its k-th duration. Nodes go by their label
        when the graph has labels, else by number. Every node of the graph has at least one.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> path = Path(tempfile.mkdtemp()) / "times.csv"
    >>> _ = path.write_text("node,duration\n0,3\n1,2\n0,1\n")
    >>> from gossipsim.graph import Graph
    >>> law = Trace(file=path).on(Graph.build("path", n=2))
    >>> law.of_calls(np.array([0, 0, 0, 1]), np.array([0, 1, 2, 7]), lambda: np.empty((4, 2))).tolist()
    [3.0, 1.0, 3.0, 2.0]
    """

    file: InputFile

    @cached_property
    def rows(self) -> list[tuple[int, str, float]]:
        """Lines, nodes and durations, in the order of the file; raises `ScenarioError` with the line of a fault."""
        columns = {"node": ("node",), "duration": ("duration",)}
        with inside(self.file):
            cells = list(read_columns(read_text(self.file, "durations of nodes"), columns))
            if not 0 < len(cells) <= MOST:
                raise ScenarioError(f"{len(cells)} durations", allowed=f"1 to {MOST}")
            found = [(line, node, amount(duration, "duration", line)) for line, (node, duration) in cells]
            if not any(duration for _, _, duration in found):
                raise ScenarioError("every duration is 0", allowed="one > 0")
        return found

    @property
    def mean(self) -> float:
        """Mean of all durations in the file."""
        return math.fsum(duration for *_, duration in self.rows) / len(self.rows)

    def sample(self, u: Vector) -> Vector:
        """Refuse: these durations belong to nodes."""
        raise NotImplementedError("durations of a trace belong to nodes: of_calls")

    def on(self, graph: Graph) -> OfNodes:
        """Return the durations of the nodes of a graph."""
        numbers = node_numbers(graph)
        names = list(numbers)
        with inside(self.file):
            node = np.array([node_number(name, numbers, line) for line, name, _ in self.rows], dtype=np.int64)
            count = np.bincount(node, minlength=graph.n)
            if not count.all():
                raise ScenarioError(f"no duration of node {names[int(count.argmin())]}", allowed="one for every node")
            duration = np.array([duration for *_, duration in self.rows])
            total = np.bincount(node, duration)
            if not total.all():
                raise ScenarioError(
                    f"every duration of node {names[int(total.argmin())]} is 0", allowed="one > 0 for every node"
                )
        order = np.argsort(node, kind="stable")
        return OfNodes(duration[order], np.concatenate([[0], np.cumsum(count)]))


@dataclass(frozen=True)
class OfNodes:
    """What a trace says about the nodes of one graph: node i owns `durations[first[i] : first[i + 1]]`."""

    durations: Vector
    first: Integers

    @property
    def mean(self) -> float:
        """Mean over the nodes of their mean durations."""
        return float(np.mean(np.add.reduceat(self.durations, self.first[:-1]) / np.diff(self.first)))

    def of_calls(self, nodes: Integers, numbers: Integers, uniforms: Callable[[], Vector]) -> Vector:
        """Return the durations in their order, each node's repeated when they end; nothing is drawn."""
        return np.asarray(self.durations[self.first[nodes] + numbers % np.diff(self.first)[nodes]])


def drawn(settings: Settings, *keys: str) -> None:
    """Refuse, under these keys of some settings, laws whose durations are not drawn but belong to nodes."""
    for key in keys:
        if isinstance(getattr(settings, key), Trace):
            raise ScenarioError("a trace holds what nodes computed", key=(key,), allowed="a law, but for fleet.compute")
