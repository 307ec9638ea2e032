"""The table of sources."""

from __future__ import annotations

from soc_gen.mix.sources import (
    arena,
    cs_dialogue,
    dialogstudio,
    dialogsum,
    everyday,
    generic,
    lmsys,
    magpie,
    multidialog,
    openhermes,
    prosocial,
    soc,
)
from soc_gen.mix.sources.base import Source

_MODULES = (
    lmsys,
    dialogstudio,
    prosocial,
    dialogsum,
    everyday,
    arena,
    cs_dialogue,
    multidialog,
    openhermes,
    magpie,
    soc,
    generic,
)
SOURCES: dict[str, Source] = {module.SOURCE.name.lower(): module.SOURCE for module in _MODULES}
"""By name in lower case."""


def find_source(name: str) -> Source | None:
    """Return the source called ``name``, also by its Hub id; case, and ``-`` or ``_``, make no difference."""
    known = {
        _plain(spelled): source for source in SOURCES.values() for spelled in (source.name, source.hub_id)
    }
    return known.get(_plain(name)) if name else None


def _plain(name: str) -> str:
    return name.lower().replace("_", "-")
