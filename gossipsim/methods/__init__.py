"""One file per method; every module here registers its method by being imported."""

from importlib import import_module
from pkgutil import iter_modules

from gossipsim.catalogue import callable_module
from gossipsim.methods.base import Method

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

callable_module(__name__, Method)
