"""What a reader of graph files finds."""

from __future__ import annotations

from dataclasses import dataclass, field

from gossipsim.errors import ScenarioError, shown


@dataclass
class Reading:
    """Nodes by name in order of appearance, and edges with the line and the weight of each.

    Examples
    --------
    >>> found = Reading()
    >>> found.edge("a", "b", line=1)
    >>> list(found.nodes), found.edges
    (['a', 'b'], [('a', 'b')])
    """

    nodes: dict[str, None] = field(default_factory=dict)
    edges: list[tuple[str, str]] = field(default_factory=list)
    lines: list[int | None] = field(default_factory=list)
    weights: list[float | None] = field(default_factory=list)

    def edge(self, u: str, v: str, line: int | None, weight: object = None) -> None:
        """Add an edge and its nodes."""
        self.nodes.setdefault(u)
        self.nodes.setdefault(v)
        self.edges.append((u, v))
        self.lines.append(line)
        self.weights.append(None if weight is None else number(weight, line))


def number(value: object, line: int | None) -> float:
    """Return a weight as a number, or say what was given."""
    try:
        if isinstance(value, (str, int, float)) and not isinstance(value, bool):
            return float(value)
    except (ValueError, OverflowError):
        pass
    raise ScenarioError(f"weight {shown(value)}", line=line, allowed="a number")
