"""soc_gen: synthetic online conversations between imperfect people.

The names are declared in ``__init__.pyi`` and documented in ``docs/python.md``; each is loaded when it is
first used, so that ``import soc_gen`` costs nothing.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
