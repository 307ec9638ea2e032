"""Find the JSON object in what a model wrote: bare, in a code fence, after prose or thinking."""

from __future__ import annotations

import json
from typing import Any

_DECODER = json.JSONDecoder(strict=False)  # models put raw newlines into strings


def parse_json_object(text: str) -> dict[str, Any] | None:
    """Return the first whole JSON object in ``text``, or None when there is none.

    Text before and after the object is ignored (prose, a fence, thinking up to the last
    ``</think>``). An object that was cut off is none, even if whole ones are nested in it; so is one
    with half a surrogate pair, which could not be written to a file.
    """
    text = text.rpartition("</think>")[2]
    start = text.find("{")
    while start >= 0:
        try:
            found, _ = _DECODER.raw_decode(text, start)
        except json.JSONDecodeError as error:
            start = text.find("{", max(start + 1, error.pos))
        except (ValueError, RecursionError):  # a number of thousands of digits; brackets without end
            return None
        else:
            return found if _is_encodable(found) else None
    return None


def _is_encodable(value: dict[str, Any]) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True
