"""DialogStudio: some 80 sets of dialogues in one form.

Hub id: Salesforce/dialogstudio. Licence: per set (``_LICENCES``). Access: gated by a form.
Files ``<category>/<Name>/<split>/dialogues_N.json``, each one object with the dialogues by name.

    {"SODA--train--1": {"original dialog id": "", "dialog index": 1, "prompt": ["…"], "log": [{"turn id": 1,
     "user utterance": "Hi", "system response": "Hello!", "dialog history": "", "external knowledge": "…"}]}}

Odd: ``log`` is a list, one turn by itself, ``[]`` or ``""``; an utterance may be empty; ``dialog history``
repeats what was said and is not read.
Replies of NLU sets are labels and those of WikiSQL and the like are no talk: these
categories are off unless a set of them is asked for by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from soc_gen.mix.convert import UnfitError
from soc_gen.mix.records import Conversation, Message, Unit
from soc_gen.mix.sources.base import Source, SourceSettings, text_of
from soc_gen.mix.sources.members import members

_OFF = ("natural_language_understanding", "knowledge_grounded")
_LICENCES = {
    "ami": "cc-by-4.0",
    "antiscam": "mit",
    "banking77": "cc-by-4.0",
    "casino": "cc-by-4.0",
    "chitchat-dataset": "mit",
    "clinc150": "cc-by-3.0",
    "convai2": "apache-2.0",
    "convosumm": "none",
    "cosql": "cc-by-sa-4.0",
    "craigslistbargains": "mit",
    "dialogsum": "cc-by-nc-sa-4.0",
    "grailqa": "apache-2.0",
    "multiwoz2_2": "mit",
    "prosocial": "cc-by-4.0",
    "redial": "apache-2.0",
    "snips": "apache-2.0",
    "soda": "cc-by-4.0",
    "star": "mit",
    "taskmaster1": "cc-by-4.0",
    "tweetsumm": "cc0-1.0",
    "wikisql": "bsd-3-clause",
    "wizard_of_wikipedia": "cc-by-4.0",
    "woz2_0": "apache-2.0",
}
"""Of each set, by its folder's name in lower case; one that is not here counts as without a licence."""


class DialogStudioSettings(SourceSettings):
    """What DialogStudio understands."""

    subsets: tuple[str, ...] = ()
    """Folders of sets, such as ``SODA``, or of categories; all but NLU and knowledge sets when empty."""
    max_knowledge: int = 1000
    """Characters of a dialogue's knowledge that go into the system message; 0 for none."""


def wanted(category: str, name: str, subsets: Sequence[str]) -> bool:
    """Whether a set is taken."""
    chosen = {subset.lower() for subset in subsets}
    if chosen:
        return name.lower() in chosen or category.lower() in chosen
    return category.lower().replace("-", "_") not in _OFF


def read(paths: Sequence[Path], settings: DialogStudioSettings) -> Iterator[Unit]:
    """Yield one unit for each dialogue of the sets that are wanted."""
    for path in sorted(paths):
        category, name, split = path.parts[-4:-1] if len(path.parts) > 3 else ("", path.stem, "train")
        if wanted(category, name, settings.subsets):
            for unit in members(path):
                about = {"set": name, "category": category, "split": split}
                yield unit._replace(data=unit.data | about) if unit.data is not None else unit


def convert(unit: Unit, settings: DialogStudioSettings) -> Iterator[Conversation]:
    """Yield the dialogue."""
    dialogue: dict[str, Any] = unit.data["value"]
    log = dialogue.get("log")
    turns = [log] if isinstance(log, dict) else log
    if not isinstance(turns, list) or not turns:
        raise UnfitError("empty_log", "the log has no turns")
    system = [*_prompt(dialogue.get("prompt")), *_knowledge(dialogue, turns, settings.max_knowledge)]
    messages = [Message(role="system", content="\n\n".join(system))] if system else []
    for turn in turns:
        if not isinstance(turn, dict):
            raise UnfitError("not_turns", "a turn of the log is no object")
        said = (("user", "user utterance"), ("assistant", "system response"))
        messages += [
            Message(role=role, content=text) for role, key in said if (text := text_of(turn, key).strip())
        ]
    name = unit.data["set"]
    yield Conversation(
        unit.data["key"],
        _opened_by_user(messages),
        task=unit.data["category"] or "chat",
        lang="en",
        license=_LICENCES.get(name.lower(), "none"),
        meta={"set": name, "split": unit.data["split"], "original_id": dialogue.get("original dialog id")},
    )


def _prompt(prompt: object) -> list[str]:
    """Return the first prompt, of which each says the same in other words."""
    texts = prompt if isinstance(prompt, list) else [prompt]
    return [text.strip() for text in texts if isinstance(text, str) and text.strip()][:1]


def _knowledge(dialogue: dict[str, Any], turns: list[Any], most: int) -> list[str]:
    """Return the knowledge of the dialogue, else of its turns, cut to ``most`` characters."""
    key = "external knowledge"
    of_turns = (text_of(turn, key) for turn in turns if isinstance(turn, dict))
    texts = dict.fromkeys(text.strip() for text in (text_of(dialogue, key), *of_turns))
    told = "\n".join(text for text in texts if text and text not in {"()", "[]", "{}"})[:most].strip()
    return [f"Knowledge:\n{told}"] if told else []


def _opened_by_user(messages: list[Message]) -> list[Message]:
    """Move what the assistant says before the user into the system message."""
    start = next((place for place, message in enumerate(messages) if message["role"] == "user"), 0)
    told = [
        text if message["role"] == "system" else f"You wrote first:\n{text}"
        for message in messages[:start]
        if (text := message["content"])
    ]
    head = [Message(role="system", content="\n\n".join(told))] if told else []
    return head + messages[start:]


SOURCE = Source(
    "dialogstudio",
    "per set",
    convert,
    hub_id="Salesforce/dialogstudio",
    access="gated",
    settings=DialogStudioSettings,
    files=("**/dialogues_*.json", "**/*.json"),
    read=read,
    default_lang="en",
)
