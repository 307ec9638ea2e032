"""Finds out fast whether a text may have a speaker label at all."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from soc_gen.text.label_names import fold_names, name_pieces
from soc_gen.text.normalize import contains_any

_ROLE_PIECES = (
    *("user", "human", "assist", "asist", "asyst", "person", "speaker", "particip", "charact", "customer"),
    *("usuari", "utilis", "nutzer", "utente", "gebruiker", "anvandare", "bruk", "bruger", "uzytk", "uzivat"),
    *(
        "kullanici",
        "pengguna",
        "nguoi",
        "troly",
        "tro ly",
        "friend",
        "texter",
        "interloc",
        "sprecher",
        "teilnehm",
    ),
)
_FOREIGN_ROLE_PIECES = (
    *(
        "пользователь",
        "користувач",
        "ассистент",
        "асистент",
        "помощник",
        "собеседник",
        "участник",
        "персонаж",
    ),
    *(
        "человек",
        "用户",
        "用戶",
        "ユーザー",
        "사용자",
        "助手",
        "助理",
        "アシスタント",
        "어시스턴트",
        "人物",
        "角色",
    ),
    *("说话人", "話者", "화자", "مستخدم", "مساعد", "उपयोगकर्ता", "सहायक", "משתמש", "עוזר"),
)
"""Strings of which one occurs in every label of a role."""


def _shortest(pieces: Iterable[str]) -> list[str]:
    """Return ``pieces`` without those that contain another one."""
    known = list(dict.fromkeys(pieces))
    return [piece for piece in known if not any(other in piece for other in known if other != piece)]


_ROLES = _shortest([*_ROLE_PIECES, *map(fold_names, _FOREIGN_ROLE_PIECES)])


@lru_cache(maxsize=4096)
def label_pieces(*names: frozenset[str]) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """Return UTF-8 strings, ASCII and others, of which a text with a label contains one.

    Args:
        names: ``names_of`` both people, together or separate.
    """
    of_names = _shortest(name_pieces(frozenset().union(*names)))
    pieces = [
        *(piece for piece in of_names if not any(role in piece for role in _ROLES)),
        *(role for role in _ROLES if not any(piece in role and piece != role for piece in of_names)),
    ]
    return (
        tuple(piece.encode() for piece in pieces if piece.isascii()),
        tuple(piece.encode() for piece in pieces if not piece.isascii()),
    )


def may_name(text: str, names: frozenset[str]) -> bool:
    """Whether ``text`` may contain a label; ``names`` are ``names_of`` both people. Fast."""
    plain, beyond = label_pieces(names)
    data = fold_names(text).encode("utf-8", "replace")
    return contains_any(plain, data) or (not data.isascii() and contains_any(beyond, data))
