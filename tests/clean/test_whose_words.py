"""Words of both that came in one part, in shapes beyond labelled lines: JSON, headings, other scripts."""

from __future__ import annotations

import pytest

from soc_gen.models import Chat
from soc_gen.stages.clean.config import CleanConfig
from soc_gen.stages.clean.decide import clean_chats
from tests.support.people import TALK, chat


def _becomes(*messages: str) -> list[str] | str:
    (made,) = clean_chats([chat(*TALK[:2], list(messages), *TALK[3:])], CleanConfig())
    return made.chat_parts[2].messages if isinstance(made, Chat) else made.reason


OTHERS_JSON = (
    '{"sender": "Max", "messages": ["behind the bikes"]}',
    '```json\n{"speaker": "Max", "text": "behind the bikes"}\n```',
    '[{"name": "Max", "content": "behind"}, {"name": "Luna", "content": "ok"}]',
    '{"messages": [{"sender": "max", "text": "behind the bikes"}]}',
    '{"Luna": "where is it?", "Max": "behind the bikes"}',
    "{'author': 'Max', 'message': 'behind the bikes'}",
    '{"user": "Max", "message": "behind the bikes"}',
    '[{"role": "user", "content": "where?"}, {"role": "assistant", "content": "behind"}]',
    '{"conversations": [{"from": "human", "value": "where?"}, {"from": "gpt", "value": "behind"}]}',
)


@pytest.mark.parametrize("message", OTHERS_JSON)
def test_json_in_which_the_other_one_speaks_is_not_the_writers(message: str) -> None:
    assert _becomes(message) == "speaks_for_other"


@pytest.mark.parametrize("place", [0, 1])
def test_nor_beside_a_message_of_the_writer(place: int) -> None:
    messages = ["so i went there"]
    messages.insert(place, OTHERS_JSON[0])
    assert _becomes(*messages) == "speaks_for_other"


def test_what_the_writer_has_packed_is_unpacked() -> None:
    assert _becomes('{"sender": "Luna", "messages": ["i come at six"]}') == ["i come at six"]
    both = '[{"name": "Luna", "content": "where is it?"}, {"name": "Max", "content": "behind the bikes"}]'
    assert _becomes(both) == ["where is it?"]


@pytest.mark.parametrize(
    "both",
    [
        "### User\nwhere is it?\n### Assistant\nbehind the bikes\n### User\nok\n### Assistant\nbye",
        "Human: where is it?\n\nAssistant: behind the bikes",
        "Customer: where is it?\nAgent: behind the bikes",
        "Benutzer: wo ist es?\nAssistent: hinter den Rädern",
        "Utilisateur : où est-ce ?\nAssistant : derrière",
        "المستخدم: وين؟\nالمساعد: ورا",
        "Собеседник 1: где?\nСобеседник 2: там",
        "Luna says: where is it?\nMax says: behind the bikes",
        "Luna’s reply: where is it?\nMax’s reply: behind the bikes",
        "Luna » where is it?\nMax » behind the bikes",
        "(Luna) where is it?\n(Max) behind the bikes",
        "Luna: where is it?\nMaxie: behind the bikes",
    ],
)
def test_lines_of_both_are_not_kept_in_any_form(both: str) -> None:
    assert _becomes(both) in ("speaks_for_other", "template_turns")


@pytest.mark.parametrize(
    ("names", "both"),
    [
        (("Анна Петрова", "Борис Иванов"), "Анна: где?\nБоря: за великами"),
        (("ليلى حسن", "عمر سعيد"), "ليلى: وين؟\nعمر: ورا"),
        (("Ελένη Παπά", "Νίκος"), "Ελένη: που;\nΝίκος: πίσω"),
        (("प्रिया शर्मा", "राहुल वर्मा"), "प्रिया: कहाँ?\nराहुल: पीछे"),
        (("נועה לוי", "דוד כהן"), "נועה: איפה?\nדוד: שם"),
    ],
)
def test_nor_in_any_script(names: tuple[str, str], both: str) -> None:
    talk = chat(*TALK[:2], [both], *TALK[3:])
    one, two = (
        person.model_copy(update={"name": name, "username": None})
        for person, name in zip(talk.experience.people, names, strict=True)
    )
    people = talk.experience.model_copy(update={"persona1": one, "persona2": two})
    (made,) = clean_chats([talk.model_copy(update={"experience": people})], CleanConfig())
    assert not isinstance(made, Chat)
    assert made.reason == "speaks_for_other"


@pytest.mark.parametrize(
    "words",
    [
        "Max says: no way",
        "Max said we could, and you said no",
        "Agent: they want 400 for it",
        "customer: some guy from the bakery\nprice: 40",
        "Max: 1 day\nAnna: 2 days",
        "Max → shed, Luna → bikes",
        "(Max) is in the car",
    ],
)
def test_what_is_told_of_others_stays(words: str) -> None:
    assert _becomes(words) == [words]


@pytest.mark.parametrize(
    "label",
    [
        "Luna says: ",
        "Luna’s reply: ",
        "[Luna] [오후 12:30] ",
        "Luna: [12:30] ",
        "2026. 11. 25. 오후 12:30, Luna: ",
    ],
)
def test_a_label_goes_whole(label: str) -> None:
    assert _becomes(f"{label}i come at six") == ["i come at six"]


@pytest.mark.parametrize(
    "name",
    [
        "deliberate",
        "hypothesis",
        "persona_check",
        "verify",
        "рассуждение",
        "考え",
        "pensiero",
        "überlegung",
        "सोच",
    ],
)
@pytest.mark.parametrize("brackets", ["<{}>", "&lt;{}&gt;"])
def test_thoughts_in_tags_of_more_names_are_dropped(name: str, brackets: str) -> None:
    opener, closer = brackets.format(name), brackets.format(f"/{name}")
    assert _becomes(f"{opener}be dry{closer}behind the bikes") == ["behind the bikes"]


@pytest.mark.parametrize("apostrophe", "'’‘ʼ`´")
def test_an_apostrophe_of_any_form_hides_no_label(apostrophe: str) -> None:
    """Also where nothing else in the chat is beyond ASCII."""
    parts = ["where were you", "at home all day", f"O{apostrophe}Neil: i was there\nLuna: me too"]
    talk = chat(*[[part] for part in parts], ["that is odd"])
    other = talk.experience.persona2.model_copy(update={"name": "Siobhan O'Neil", "username": None})
    experience = talk.experience.model_copy(update={"persona2": other})
    (made,) = clean_chats([talk.model_copy(update={"experience": experience})], CleanConfig())
    assert not isinstance(made, Chat)
    assert made.reason == "speaks_for_other"
