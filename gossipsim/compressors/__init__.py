"""What a link does to a vector to save bits; every module of this folder registers its members."""

from importlib import import_module
from pkgutil import iter_modules

from gossipsim.catalogue import callable_module
from gossipsim.compressors.base import Compressor

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

callable_module(__name__, Compressor)

__all__ = ["Compressor"]
