"""JSON in node-link form, as networkx and D3 write it."""

from __future__ import annotations

import json
from typing import Any

from gossipsim.errors import ScenarioError, shown
from gossipsim.topologies.readers.reading import Reading


def read_node_link(text: str) -> Reading:
    """Read `{"nodes": [{"id": ...}], "edges": [{"source": ..., "target": ..., "weight": ...}]}`; `links` is `edges`.

    Examples
    --------
    >>> read_node_link('{"nodes": [{"id": 0}, {"id": 1}], "links": [{"source": 0, "target": 1}]}').edges
    [('0', '1')]
    """
    try:
        whole = json.loads(text)
    except json.JSONDecodeError as fault:
        raise ScenarioError(f"malformed JSON: {fault.msg}", line=fault.lineno) from None
    except (RecursionError, ValueError):
        raise ScenarioError("malformed JSON: nested too deeply, or a number too long") from None
    if not isinstance(whole, dict):
        raise ScenarioError("no mapping at the top", allowed="a mapping with nodes and edges")
    if whole.get("directed"):
        raise ScenarioError("the graph is directed", allowed='"directed": false')
    found = Reading()
    for position, node in enumerate(_list(whole, "nodes"), start=1):
        name = _name(node, "id", f"node number {position}")
        if name in found.nodes:
            raise ScenarioError(f"node {name!r} is given twice")
        found.nodes[name] = None
    for position, edge in enumerate(_list(whole, "edges" if "edges" in whole else "links"), start=1):
        what = f"edge number {position}"
        ends = [_name(edge, end, what) for end in ("source", "target")]
        for end in ends:
            if end not in found.nodes:
                raise ScenarioError(f"{what} names the unknown node {shown(end)}")
        found.edge(ends[0], ends[1], None, edge.get("weight"))
    return found


def _list(whole: dict[str, Any], key: str) -> list[Any]:
    value = whole.get(key)
    if not isinstance(value, list):
        raise ScenarioError(f"no list of {key}", allowed="a mapping with nodes and edges")
    return value


def _name(item: Any, key: str, what: str) -> str:
    value = item.get(key) if isinstance(item, dict) else None
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise ScenarioError(f"{what}: {key} {shown(value)}", allowed=f"a mapping whose {key} is text or a whole number")
    return str(value)
