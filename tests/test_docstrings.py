"""Docstrings name exceptions that exist."""

from __future__ import annotations

import builtins
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from types import ModuleType

import pytest

import soc_gen

MODULES = sorted(
    name
    for _, name, _ in pkgutil.walk_packages(soc_gen.__path__, "soc_gen.")
    if not name.endswith("__main__")
)
_RAISES = re.compile(r"^Raises:\n((?:[ ]+.*(?:\n|\Z)|\n)*)", re.MULTILINE)
_NAME = re.compile(r"^ {4}(\w+):", re.MULTILINE)

EXCEPTIONS = vars(builtins) | {
    name: value
    for module in MODULES
    for name, value in vars(importlib.import_module(module)).items()
    if inspect.isclass(value) and issubclass(value, BaseException) and value.__module__ == module
}


def raised_names(docstring: str) -> list[str]:
    """Return the exceptions that the section ``Raises:`` of a cleaned docstring names."""
    return [name for section in _RAISES.findall(docstring) for name in _NAME.findall(section)]


def docstrings(module: ModuleType) -> Iterator[str]:
    """Yield the docstrings of the functions, classes and methods that ``module`` defines."""
    members = [
        value for value in vars(module).values() if getattr(value, "__module__", "") == module.__name__
    ]
    for member in members:
        inner = list(vars(member).values()) if inspect.isclass(member) else []
        yield from (text for item in [member, *inner] if (text := inspect.getdoc(item)))


@pytest.mark.parametrize("name", MODULES)
def test_every_exception_a_docstring_names_is_an_exception(name: str) -> None:
    """It is defined or imported in the module, or a module of the package defines it, or Python does."""
    module = importlib.import_module(name)
    for raised in (raised for text in docstrings(module) for raised in raised_names(text)):
        exception = vars(module).get(raised, EXCEPTIONS.get(raised))
        assert exception is not None, f"{name}: {raised} is named under Raises: and is not defined"
        assert issubclass(exception, BaseException)


def test_the_names_are_found() -> None:
    """Those of the section alone, continuation lines left out; a module has some."""
    args, section = (
        "Args:\n    NotThis: x\n\n",
        "Raises:\n    KeyError: It is\n        Not: there.\n    OSError: No.\n",
    )
    text = f"Do it.\n\n{args}{section}"
    assert raised_names(text) == ["KeyError", "OSError"]
    config = importlib.import_module("soc_gen.config")
    assert "UsageError" in {raised for text in docstrings(config) for raised in raised_names(text)}
