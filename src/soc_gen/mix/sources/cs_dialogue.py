"""CS-Dialogue: spoken Mandarin and English in one sentence.

Hub id: BAAI/CS-Dialogue. Licence: CC BY-NC-SA 4.0, not to be passed on. Access: gated.
No table: ``data/index/short_wav/<split>/text`` has lines of an utterance's id and its words, and ``segments``
(id, recording, start, end, as Kaldi writes it), if it is there, has the timing.

    ZH-CN_U0001_S0_1 我们 team 下个月有一个 deadline <FIL/> 压力挺大的

Odd: each speaker was recorded alone. Without timing nobody knows who answers what: then the source is refused
rather than made up by taking lines in turn.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from soc_gen.errors import UsageError
from soc_gen.mix.convert import UnfitError, from_speakers
from soc_gen.mix.records import Conversation, Unit
from soc_gen.mix.sources.base import Source, SourceSettings

_MARKS = re.compile(r"<(?:FIL|SPK|NON|NPS|CN|EN|MIX)/?>|\*\*")
_SPEAKER = re.compile(r"_S\d+.*$")


def plain(text: str) -> str:
    """Return what is said, without the marks of noises and of words that are not sure."""
    return " ".join(_MARKS.sub(" ", text).replace("  ", " ").split())


def read(paths: Sequence[Path], _: SourceSettings) -> Iterator[Unit]:
    """Yield one unit for each recording, with its utterances in order of time.

    Raises:
        UsageError: There is no timing.
    """
    for path in paths:
        timing = path.with_name("segments")
        if not timing.is_file():
            what = "has no timing (a file segments beside it), so the two sides cannot be put in order"
            raise UsageError(what, where=str(path), hint="Leave this source out, or add the timing")
        places = _segments(timing)
        recordings: dict[str, list[tuple[float, str, str]]] = {}
        for line in path.read_text("utf-8").splitlines():
            name, text = [*line.strip().split(" ", 1), ""][:2]
            if name in places:
                recording, start = places[name]
                entry = (start, _SPEAKER.sub("", name), plain(text))
                recordings.setdefault(recording, []).append(entry)
        for recording, utterances in recordings.items():
            data = {"recording": recording, "utterances": sorted(utterances)}
            yield Unit(str(path), data, len(utterances))


def _segments(path: Path) -> dict[str, tuple[str, float]]:
    places: dict[str, tuple[str, float]] = {}
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        try:
            name, recording, start, _ = line.split()
            places[name] = recording, float(start)
        except ValueError:
            what = "is no line of segments: id, recording, start, end"
            raise UsageError(what, where=f"{path}:{number}") from None
    return places


def convert(unit: Unit, _: SourceSettings) -> Iterator[Conversation]:
    """Yield the talk of a recording; the one who speaks second is the assistant."""
    data: dict[str, Any] = unit.data
    said = [(str(speaker), str(text)) for _, speaker, text in data["utterances"] if text]
    speakers = list(dict.fromkeys(speaker for speaker, _ in said))
    if len(speakers) != 2:
        raise UnfitError("not_two_speakers", f"there are {len(speakers)} speakers")
    yield Conversation(data["recording"], from_speakers(said, speakers[1]), lang="zh", task="code_switching")


SOURCE = Source(
    "CS-Dialogue",
    "cs-dialogue",
    convert,
    hub_id="BAAI/CS-Dialogue",
    access="gated",
    files=("**/index/short_wav/*/text", "**/text"),
    read=read,
    default_lang="zh",
)
