"""soc_gen: synthetic online conversations between imperfect people."""

__version__ = "0.1.0"
