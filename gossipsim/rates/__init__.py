"""How often each edge is used; every module of this folder registers its members."""

from importlib import import_module
from pkgutil import iter_modules

from gossipsim.catalogue import callable_module
from gossipsim.rates.base import Demand, Rates

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

callable_module(__name__, Rates)

__all__ = ["Demand", "Rates"]
