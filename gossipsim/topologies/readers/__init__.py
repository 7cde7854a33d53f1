"""Readers of graph files: text in, nodes and edges with their lines out."""

from collections.abc import Callable

from gossipsim.topologies.readers.gml import read_gml
from gossipsim.topologies.readers.graphml import read_graphml
from gossipsim.topologies.readers.lines import read_adjacency_list, read_csv, read_edge_list
from gossipsim.topologies.readers.node_link import read_node_link
from gossipsim.topologies.readers.reading import Reading

READERS: dict[str, Callable[[str], Reading]] = {
    "graphml": read_graphml,
    "gml": read_gml,
    "edgelist": read_edge_list,
    "adjlist": read_adjacency_list,
    "csv": read_csv,
    "json": read_node_link,
}

ENDINGS = {
    ".graphml": "graphml",
    ".gml": "gml",
    ".edgelist": "edgelist",
    ".edges": "edgelist",
    ".txt": "edgelist",
    ".adjlist": "adjlist",
    ".csv": "csv",
    ".json": "json",
}

__all__ = ["ENDINGS", "READERS", "Reading"]
