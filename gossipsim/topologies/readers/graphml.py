"""GraphML, by the XML parser of the standard library; a DOCTYPE is refused, so that entities cannot grow."""

from __future__ import annotations

from xml.parsers import expat

from gossipsim.errors import ScenarioError, shown
from gossipsim.topologies.readers.reading import Reading


def read_graphml(text: str) -> Reading:
    """Read one undirected graph; the edge attribute called `weight` is kept.

    The format: Brandes, Eiglsperger, Herman, Himsolt, Marshall, "GraphML progress report", Graph Drawing 2001.

    Examples
    --------
    >>> body = '<node id="a"/><node id="b"/><edge source="a" target="b"/>'
    >>> read_graphml(f'<graphml><graph edgedefault="undirected">{body}</graph></graphml>').edges
    [('a', 'b')]
    """
    parser = expat.ParserCreate("utf-8")
    reader = _Reader(parser)
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.words.append
    parser.StartDoctypeDeclHandler = reader.doctype
    try:
        parser.Parse(text.encode(), True)
    except expat.ExpatError as fault:
        raise ScenarioError(f"malformed GraphML: {expat.ErrorString(fault.code)}", line=fault.lineno) from None
    return reader.finish()


class _Reader:
    def __init__(self, parser: expat.XMLParserType) -> None:
        self.parser = parser
        self.found = Reading()
        self.graphs = 0
        self.names: dict[str, None] = {}
        self.keys: dict[str, str | None] = {}
        """Keys of weights on edges, with their default."""
        self.key = ""
        self.edge: tuple[str, str] | None = None
        self.weight: str | None = None
        self.line = 0
        self.words: list[str] = []

    def doctype(self, *_: object) -> None:
        raise self.fault("a DOCTYPE, which graph files do not need", "GraphML without a DOCTYPE")

    def fault(self, message: str, allowed: str | None = None) -> ScenarioError:
        return ScenarioError(message, line=self.parser.CurrentLineNumber, allowed=allowed)

    def start(self, tag: str, given: dict[str, str]) -> None:
        tag = tag.rpartition(":")[2]
        self.words.clear()
        if tag == "graph":
            self.graphs += 1
            if self.graphs > 1:
                raise self.fault("a second graph", "one graph in a file")
            if given.get("edgedefault") == "directed":
                raise self.fault("the graph is directed", 'edgedefault="undirected"')
        elif tag == "hyperedge":
            raise self.fault("a hyperedge", "edges between two nodes")
        elif tag == "key" and given.get("for", "all") in ("edge", "all") and given.get("attr.name") == "weight":
            self.key = self.attribute(given, tag, "id")
            self.keys[self.key] = None
        elif tag == "node":
            name = self.attribute(given, tag, "id")
            if name in self.names:
                raise self.fault(f"node {name!r} is given twice")
            self.names[name] = None
        elif tag == "edge":
            if given.get("directed") == "true":
                raise self.fault("a directed edge", "undirected edges")
            self.edge = (self.attribute(given, tag, "source"), self.attribute(given, tag, "target"))
            self.weight, self.line = None, self.parser.CurrentLineNumber
        elif tag == "data":
            self.key = given.get("key", "")

    def end(self, tag: str) -> None:
        tag = tag.rpartition(":")[2]
        content = "".join(self.words).strip()
        if tag == "default" and self.key in self.keys:
            self.keys[self.key] = content
        elif tag == "key":
            self.key = ""
        elif tag == "data" and self.edge is not None and self.key in self.keys:
            self.weight = content
        elif tag == "edge" and self.edge is not None:
            default = next((value for value in self.keys.values() if value is not None), None)
            self.found.edge(*self.edge, self.line, self.weight if self.weight is not None else default)
            self.edge = None
        self.words.clear()

    def attribute(self, given: dict[str, str], tag: str, name: str) -> str:
        if name not in given:
            raise self.fault(f"a {tag} without {name}")
        return given[name]

    def finish(self) -> Reading:
        if not self.graphs:
            raise ScenarioError("no graph in the file", allowed="GraphML with one graph")
        for (u, v), line in zip(self.found.edges, self.found.lines, strict=True):
            for name in (u, v):
                if name not in self.names:
                    raise ScenarioError(f"an edge names the unknown node {shown(name)}", line=line)
        self.found.nodes = self.names
        return self.found
