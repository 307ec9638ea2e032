"""Notes that a conversation is over, which models write instead of the tag ``<end/>``."""

from __future__ import annotations

import re

END_LINE = re.compile(
    r"\s*[\[(<]/?\s*(?:the\s+)?end(?:\s+of\s+(?:the\s+)?(?:chat|conversation))?\s*/?[\])>]\s*", re.I
)
"""In a line of a transcript, anywhere: ``[end]``, ``(end of chat)``, ``</end>``."""

_ENDED = (
    r"end|(?:the )?end (?:of )?(?:the |this |our )?(?:conversation|chat|dialogue|transcript|scene|talk|call)"
    r"|(?:the )?(?:conversation|chat|dialogue|scene) (?:ends?|ended|is over|has ended|over)(?: here)?"
)
END_NOTE = re.compile(
    # Matches only at the beginning of a run of spaces or dashes, so that the search stays linear.
    rf"(?<!\s)\s*+(?:\(\s*(?:{_ENDED})[\s.]*\)|\[\s*(?:{_ENDED})[\s.]*\]|\*{{1,3}}\s*(?:{_ENDED})[\s.]*\*{{1,3}}"
    rf"|(?:(?<!-)-{{2,}}+|(?<!—)—++|(?<!=)={{2,}}+)\s*(?:{_ENDED})[\s.]*(?:-{{2,}}+|—++|={{2,}}+))\s*\Z",
    re.IGNORECASE,
)
"""At the end of a message: ``(end of conversation)``, ``--- the chat ended ---``."""
