"""Presence and absence as they were recorded."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gossipsim.arrays import Floats, Integers
from gossipsim.churn.base import Churn
from gossipsim.component import InputFile, NonNegative
from gossipsim.errors import ScenarioError, nearest, shown
from gossipsim.text_files import amount, inside, node_number, node_numbers, read_columns, read_text

if TYPE_CHECKING:
    from gossipsim.graph import Graph

_PRESENT = {"up": True, "down": False, "1": True, "0": False}


class File(Churn, name="file"):
    r"""Every node leaves and returns as a file has recorded it.

    Before its first line a node is in the opposite state; without a line it is always present. A line that says what the
    node is already changes nothing. After the end of the recording every node stays as it is, or all begin again.

    Parameters
    ----------
    state : {"kept", "lost", "neighbour"}
        What a node that returns starts from: its own state, the start of the run, or the state of a random neighbour.
    file : path
        CSV with the columns `node`, `time` in units of the run, and `state`, `up` or `down`, 1 or 0; the lines of a node in
        order of time. Nodes go by their label when the graph has labels, else by number.
    repeat : bool
        Whether the recording is replayed again from its start whenever it ends.
    finish_time : float, optional
        When the recording ends (default: the last time in the file).

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from gossipsim.graph import Graph
    >>> path = Path(tempfile.mkdtemp()) / "sessions.csv"
    >>> _ = path.write_text("node,time,state\n0,6,down\n1,2,up\n0,8,up\n")
    >>> Churn.parse({"file": path}).on(Graph.build("path", n=3), seed=0).availability.tolist()
    [0.75, 0.75, 1.0]
    """

    file: InputFile
    repeat: bool = False
    finish_time: NonNegative | None = None

    @cached_property
    def rows(self) -> list[tuple[int, str, float, bool]]:
        """Lines, nodes, times and whether nodes are present from then on; raises `ScenarioError` with the line of a fault."""
        columns = {name: (name,) for name in ("node", "time", "state")}
        found: list[tuple[int, str, float, bool]] = []
        before: dict[str, tuple[int, float]] = {}
        with inside(self.file):
            for line, (node, time, state) in read_columns(read_text(self.file, "sessions of nodes"), columns):
                t = amount(time, "time", line)
                if state.lower() not in _PRESENT:
                    raise ScenarioError(
                        f"unknown state {shown(state)}",
                        line=line,
                        allowed="up, down, 1, 0",
                        hint=nearest(state, _PRESENT),
                    )
                if node in before and t <= before[node][1]:
                    earlier, last = before[node]
                    raise ScenarioError(
                        f"time {time} of node {node} out of order",
                        line=line,
                        allowed=f"more than {last:g}, of line {earlier}",
                    )
                before[node] = line, t
                found.append((line, node, t, _PRESENT[state.lower()]))
            if not found:
                raise ScenarioError("no line below the header", allowed="node,time,state of at least one change")
        return found

    @property
    def ends(self) -> float:
        """When the recording ends."""
        last = max(t for _, _, t, _ in self.rows)
        if self.finish_time is not None and self.finish_time < last:
            raise ScenarioError(
                f"given {self.finish_time:g}", key=("finish_time",),
                allowed=f"at least {last:g}, the last time in {self.file.name}",
            )  # fmt: skip
        found = last if self.finish_time is None else self.finish_time
        if self.repeat and found == 0.0:
            raise ScenarioError(
                "repeats a recording that ends at time 0", key=("repeat",), allowed="finish_time > 0 with it"
            )
        return found

    def on(self, graph: Graph, seed: int) -> Recorded:
        """Return the sessions of the nodes of a graph."""
        numbers = node_numbers(graph)
        with inside(self.file):
            node = np.array([node_number(name, numbers, line) for line, name, _, _ in self.rows], dtype=np.int64)
        t = np.array([row[2] for row in self.rows])
        up = np.array([row[3] for row in self.rows])
        return Recorded.of(node, t, up, graph.n, self.ends, self.repeat)


@dataclass(frozen=True)
class Recorded:
    """Sessions of the nodes of one graph: node i changes at the times `times[first[i] : first[i + 1]]` of every replay."""

    start: NDArray[np.bool_]
    times: Floats
    first: Integers
    ends: float
    repeat: bool

    @classmethod
    def of(
        cls, node: Integers, t: Floats, up: NDArray[np.bool_], n: int, ends: float, repeat: bool
    ) -> Recorded:  # fmt: skip
        """Build them from who `(k,)` is present or not from when on, every node's in order of time."""
        order = np.argsort(node, kind="stable")
        node, t, up = node[order], t[order], up[order]
        opens = np.concatenate([[True], node[1:] != node[:-1]])
        start = np.ones(n, dtype=np.bool_)
        start[node[opens]] = np.where(t[opens] > 0.0, ~up[opens], up[opens])
        changes = (opens & (t > 0.0)) | (~opens & (up != np.roll(up, 1)))
        if repeat:
            changes &= t < ends  # then everybody is as at the start
        node, t = node[changes], t[changes]
        if repeat:
            other = np.flatnonzero(np.bincount(node, minlength=n) % 2)
            node, t = np.concatenate([node, other]), np.concatenate([t, np.full(len(other), ends)])
            order = np.argsort(node, kind="stable")
            node, t = node[order], t[order]
        first = np.concatenate([[0], np.cumsum(np.bincount(node, minlength=n))])
        return cls(start, t, first, ends, repeat)

    @property
    def availability(self) -> Floats:
        """Share of the recording that each node is present, `(n,)`."""
        if self.ends == 0.0:
            return self.start.astype(np.float64)
        count = np.diff(self.first)
        node = np.repeat(np.arange(len(count)), count)
        # from each change to the end, in turn gained and lost
        gained = np.where(self.start[node], -1.0, 1.0) * (1.0 - 2.0 * ((np.arange(len(node)) - self.first[node]) % 2))
        total = np.bincount(node, gained * (self.ends - self.times), minlength=len(count))
        return np.asarray(self.start + total / self.ends)

    @property
    def pace(self) -> float:
        """Changes of all nodes over the length of the recording."""
        return len(self.times) / self.ends if self.ends > 0.0 else 0.0

    @property
    def last_return(self) -> Floats:
        """Infinity for nodes whose changes repeat, `(n,)`."""
        count = np.diff(self.first)
        present = self.start ^ (count % 2 == 1)
        place = self.first[1:] - 2 + present
        found, some = np.full(len(count), -np.inf), place >= self.first[:-1]
        found[some] = self.times[place[some]]
        return np.where((count > 0) & self.repeat, np.inf, found)

    def at_start(self) -> NDArray[np.bool_]:
        """Return who is present at time 0, `(n,)`."""
        return self.start.copy()

    def due(self, nodes: Integers, numbers: Integers, present: NDArray[np.bool_], last: Floats) -> Floats:
        """Look up the times of changes."""
        count = np.diff(self.first)[nodes]
        lap, place = np.divmod(numbers - 1, np.maximum(count, 1))
        comes = (count > 0) & (self.repeat | (lap == 0))
        found = np.full(len(nodes), np.inf)
        found[comes] = lap[comes] * self.ends + self.times[self.first[nodes[comes]] + place[comes]]
        return np.asarray(np.maximum(last, found))  # sums of laps may round down
