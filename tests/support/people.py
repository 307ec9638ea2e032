"""Two people, and chats between them, for the tests of cleaning."""

from __future__ import annotations

from soc_gen.models import Chat, ChatPart, Experience, Persona

LUNA = Persona(
    name="Luna Park",
    username="moon_luna",
    age=31,
    traits=["dry"],
    background="Repairs accordions in a basement shop.",
    chatting_style="short, no capitals",
    model="test",
    id="p-luna",
)
MAX = LUNA.model_copy(
    update={"name": "Max Okoro", "username": "maxo", "id": "p-max", "background": "Drives a night bus."}
)
TALK = (
    ["hey, is the reed block from last week still with you?", "the brass one i mean"],
    ["yes, it's on the shelf behind the kettle"],
    ["i need it back before saturday, the customer got nervous"],
    ["saturday is tight, my shift ends at six and the shop closes at five"],
    ["then leave it with the bakery next door, they open early"],
    ["fine. but you owe me a coffee and one honest apology"],
)


def chat(*parts: list[str], chat_id: str = "c-1", experience_id: str = "e-1") -> Chat:
    """Return a chat in which Luna and Max take turns, Luna first."""
    experience = Experience(
        persona1=LUNA,
        persona2=MAX,
        relationship="shop neighbours",
        situation="Luna lent Max a reed block and needs it back.",
        topic="asks for the reed block",
        id=experience_id,
    )
    turns = [ChatPart(sender=(LUNA, MAX)[turn % 2].id, messages=said) for turn, said in enumerate(parts)]
    return Chat(chat_id=chat_id, experience=experience, chat_parts=turns, model="test")


def different(number: int, **ids: str) -> Chat:
    """Return a chat that shares no three words in a row with another number's."""
    parts = [[" ".join(f"{word}{number}" for word in m.split()) for m in part] for part in TALK]
    return chat(
        *parts,
        chat_id=ids.get("chat_id", f"c-{number}"),
        experience_id=ids.get("experience_id", f"e-{number}"),
    )


def lines(chats: list[Chat]) -> bytes:
    return b"".join(one.to_json() + b"\n" for one in chats)
