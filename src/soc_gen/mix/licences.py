"""What a licence allows, and which sources a profile drops.

Not legal advice: the card says what was assumed.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Profile = Literal["research", "commercial", "publish"]


class Licence(NamedTuple):
    """What may be done with a source."""

    name: str
    commercial: str = ""
    """Why it may not be used commercially; "" when it may."""
    publish: str = ""
    """Why it may not be passed on; "" when it may."""


_NO_LICENCE = "no licence is stated"
_WHICH = "which Creative Commons licence is not told"
_NC = "the licence is for non-commercial use"
LICENCES = {
    licence.name: licence
    for licence in (
        Licence("apache-2.0"),
        Licence("mit"),
        Licence("bsd-3-clause"),
        Licence("cc0-1.0"),
        Licence("cc-by-3.0"),
        Licence("cc-by-4.0"),
        Licence("cc-by-sa-3.0"),
        Licence("cc-by-sa-4.0"),
        Licence("odc-by"),
        Licence("cdla-sharing-1.0"),
        Licence("llama3.1"),
        Licence("own"),
        Licence("cc-by-nc-4.0", commercial=_NC),
        Licence("cc-by-nc-sa-4.0", commercial=_NC),
        Licence("lmsys-chat-1m", publish="its agreement allows use, not passing the data on"),
        Licence("cs-dialogue", commercial=_NC, publish="its terms forbid passing the data on"),
        Licence("cc", commercial=_WHICH, publish=_WHICH),
        Licence("none", commercial=_NO_LICENCE, publish=_NO_LICENCE),
    )
}


def licence(name: str) -> Licence:
    """Return what the licence ``name`` allows; one that is not known is taken to allow research only."""
    unknown = f"it is not known what the licence {name!r} allows"
    return LICENCES.get(name.lower()) or Licence(name, unknown, unknown)


def refused(name: str, profile: Profile) -> str:
    """Return why ``profile`` does not allow the licence ``name``, or ""."""
    known = licence(name)
    if profile == "commercial":
        return known.commercial
    return known.publish if profile == "publish" else ""
