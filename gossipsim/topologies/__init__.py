"""Graphs by name or from a file; every module of this folder registers its members."""

from importlib import import_module
from pkgutil import iter_modules

from gossipsim.catalogue import callable_module
from gossipsim.topologies.base import RandomTopology, Topology

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

callable_module(__name__, Topology)

__all__ = ["RandomTopology", "Topology"]
