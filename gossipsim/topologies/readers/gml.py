"""GML: nested lists of keys and values."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from typing import TypeAlias

from gossipsim.errors import ScenarioError, shown
from gossipsim.topologies.readers.reading import Reading

_TOKEN = re.compile(r'\s+|#[^\n]*|(?P<string>"[^"]*")|(?P<open>\[)|(?P<close>\])|(?P<word>[^\s\[\]"#]+)')
_KEY = re.compile(r"[A-Za-z_]\w*")


@dataclass
class _List:
    line: int
    items: list[tuple[str, _Value, int]] = field(default_factory=list)

    def one(self, key: str) -> str | None:
        """Return the last plain value of a key."""
        values = [value for name, value, _ in self.items if name == key and isinstance(value, str)]
        return values[-1] if values else None

    def lists(self, key: str) -> list[_List]:
        """Return the lists under a key."""
        return [value for name, value, _ in self.items if name == key and isinstance(value, _List)]


_Value: TypeAlias = "str | _List"


def read_gml(text: str) -> Reading:
    """Read one undirected graph; nodes go by their labels when every node has its own, else by id; `weight` is kept.

    The format: M. Himsolt, "GML: a portable graph file format", University of Passau, 1997.

    Examples
    --------
    >>> read_gml('graph [ node [ id 5 label "a" ] node [ id 6 label "b" ] edge [ source 6 target 5 ] ]').edges
    [('b', 'a')]
    """
    graphs = _parse(text).lists("graph")
    if len(graphs) != 1:
        raise ScenarioError(f"{len(graphs)} graphs in the file", allowed="one graph")
    graph = graphs[0]
    if graph.one("directed") not in (None, "0"):
        raise ScenarioError("the graph is directed", line=graph.line, allowed="directed 0")
    nodes = graph.lists("node")
    ids = [_required(node, "node", "id") for node in nodes]
    labels = [node.one("label") for node in nodes]
    own = None not in labels and len(set(labels)) == len(labels)
    called: dict[str, str] = {}
    for node, number, label in zip(nodes, ids, labels, strict=True):
        if number in called:
            raise ScenarioError(f"node id {number} is given twice", line=node.line)
        called[number] = label if own and label is not None else number
    found = Reading(nodes=dict.fromkeys(called.values()))
    for edge in graph.lists("edge"):
        ends = [_required(edge, "edge", end) for end in ("source", "target")]
        for end in ends:
            if end not in called:
                raise ScenarioError(f"an edge names the unknown node {end}", line=edge.line)
        found.edge(called[ends[0]], called[ends[1]], edge.line, edge.one("weight"))
    return found


def _parse(text: str) -> _List:
    top = _List(1)
    stack, key = [top], None
    line = 1
    for kind, word, line in _tokens(text):
        if key is None:
            if kind == "close" and len(stack) > 1:
                stack.pop()
            elif kind == "word" and _KEY.fullmatch(word):
                key = word
            else:
                raise ScenarioError(f"given {shown(word)}", line=line, allowed="a key such as node, edge, id")
        elif kind == "close":
            raise ScenarioError(f"key {key!r} has no value", line=line)
        else:
            value: _Value = _List(line) if kind == "open" else word
            stack[-1].items.append((key, value, line))
            if isinstance(value, _List):
                stack.append(value)
            key = None
    if len(stack) > 1 or key is not None:
        raise ScenarioError("the file ends too early", line=line, allowed="as many ] as [")
    return top


def _tokens(text: str) -> Iterator[tuple[str, str, int]]:
    ends = [match.start() for match in re.finditer("\n", text)]
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        line = bisect_right(ends, place - 1) + 1
        if match is None:
            raise ScenarioError("a quotation that does not end", line=line)
        place = match.end()
        if match.lastgroup is not None:
            word = match.group()
            yield match.lastgroup, unescape(word[1:-1]) if match.lastgroup == "string" else word, line


def _required(item: _List, what: str, key: str) -> str:
    value = item.one(key)
    if value is None:
        raise ScenarioError(f"a {what} without {key}", line=item.line)
    return value
