"""Finds speaker labels in a line: the ``Luna:`` that models put before Luna's text.

A label is a name that belongs to a speaker, or a role, marked as a label: ``Luna:``, ``**Luna**``,
``[12:31] <Luna>``, ``【Luna】``, ``Luna - ``, ``Luna — Today at 12:31``, ``Persona 1:``, ``User:``. A name
followed by a comma, or in the middle of a sentence, addresses somebody and is not a label.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from soc_gen.models import Persona
from soc_gen.text.label_names import is_titled, label_names, name_key
from soc_gen.text.label_types import Callers, Form, Label, Side
from soc_gen.text.names import first_name

_LONGEST = 100  # most characters of a label with its time stamps
_MOST_WORDS = 6  # of a name
_NICKNAME = re.compile(r"[\"“'‘(]([^\"“”'‘’()]{2,30})[\"”'’)]")

_CLOCK = re.compile(
    r"\b\d{1,2}[:.h]\d{2}(?:[:.]\d{2})?(?:[.,]\d{1,6})?(?:\s?[ap]\.?\s?m\b\.?)?(?:Z|[+-]\d{2}:?\d{2})?|\b\d{1,2}\s?[ap]m\b",
    re.IGNORECASE,
)
_DATE = re.compile(
    r"\b\d{4}[-/.]\d{1,2}[-/.]\d{1,2}T?|\b\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}\b|\b\d{1,2}/\d{1,2}\b"
    r"|\d{4}年\d{1,2}月\d{1,2}日|\d{4}년 ?\d{1,2}월 ?\d{1,2}일|\b\d{4}\. \d{1,2}\. \d{1,2}\.?"
    r"|\b\d{1,2}(?:st|nd|rd|th)?\.? [^\W\d_]{3,9}\.?,? \d{4}\b"
    r"|\b[^\W\d_]{3,9}\.? \d{1,2}(?:st|nd|rd|th)?,? \d{4}\b",
    re.IGNORECASE,
)
_STAMP_WORDS = re.compile(
    r"\b(?:today|yesterday|at|on|am|pm|heute|gestern|um|uhr|hoy|ayer|a las|aujourd['’]hui|hier|oggi"
    r"|à|kl|klo|saat|lúc|pukul|jam|в|о"
    r"|ieri|alle|hoje|ontem|às|vandaag|gisteren|om|mon|tue|wed|thu|fri|sat|sun)(?:day|sday|nesday|rsday|urday)?\b"
    r"|今天|昨天|上午|下午|今日|昨日|午前|午後|오늘|어제|오전|오후",
    re.IGNORECASE,
)
_BULLET = re.compile(r"\s*(?:(?:\d{1,2}[.)]|[-•–>#]+|\*(?!\*))\s+)+")
_REMARK = re.compile(r"\s*[(\[（【][^()\[\]\n]{0,30}[)\]）】]\s*$")
_UNSEEN = re.compile("[\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_COLON = re.compile("[:：﹕︓∶]")
_OPENING = re.compile(r"[\s\-•>#]*(?P<em>[*_~`]{1,3}|)")
_BRACKETS = re.compile(
    r"(?:[\[<【［＜〔〖]|\{\{?)(?P<name>[^\[\]<>【】［］＜＞〔〕〖〗{}\n]{1,60})(?:[\]>】］＞〕〗]|\}\}?)\s*[:：]?\s*"
)
# Signs that a word is a name: an underscore, a time before it, brackets of a log or of a script.
_UNLIKE_WORDS = re.compile(
    r"\w_\w|[\[(]?\d[:.]\d\d[^\n]{0,9}[\])]|[<【]|\b(?:today|yesterday)\b.*\d[:.]\d\d|\d,? \d{1,2}[:.]\d\d",
    re.I,
)
_MARKED_LINE = re.compile(
    r"\s*(?:#{1,6}\s|(?:\*{2,3}|_{2,3}|[\[<【［＜〔〖{]).*(?:\*{2,3}|_{2,3}|[\]>】］＞〕〗}])\s*$)"
)
_BOLD = re.compile(r"\s*(\*{2,3}|_{2,3})(?P<name>[^*\n]{1,60}?)\1[ \t]+(?=\S)")
_ARROW = re.compile(r"\s*(?P<name>[^>»<\n]{0,40}[^\s>»<])(?:>|\s?[»›→⇒])\s+(?=\S)")
_ROUND = re.compile(r"\s*[(（](?P<name>[^()（）\n]{1,60})[)）]\s+(?=\S)")
_DASH = re.compile(r"\s(?:[-–—|]{1,2}|~)\s+|\s?[—―]\s?")
# The writer's own handle before the text, but not "@luna_x is my handle".
_OWN_HANDLE = re.compile(
    r"\s*(?P<name>@[\w.-]{1,60})\s+(?!(?:is|on|for|as|same|without|with|but|if|everywhere|though)\b)(?=[^\s|–—-])",
    re.IGNORECASE,
)
_STAMPED = re.compile(r"\s*[^\n]{1,60}?[\[(][^\[\]()\n]{0,25}\d[:.]\d\d[^\[\]()\n]{0,12}[\])]\s+(?=\S)")
_AFTER_DASH = re.compile(r"(?:today|yesterday)?(?: at)? ?\d{1,2}:\d{2}(?: ?[ap]m)?\s+", re.IGNORECASE)
# "[Luna] [12:31] hey": the time is the other half of the label.
_STAMP_BEHIND = re.compile(r"[\[(【][^\[\]()【】\n]{0,16}\d[:.]\d\d[^\[\]()【】\n]{0,12}[\])】]\s*[:：-]?\s*")
_MOUTH = re.compile(r"['’]?[-^o]?[)(\[\]{}/\\|<>*$@DPpOoSsXxc30](?!\w)")
_NO_NAME = re.compile(r"[?!;=…。！？:：,，]|\.\.")
# "Luna says:", "Luna's reply:" is told of others too: it counts as much as a dash does.
_SPEAKING = re.compile(
    r"(?<=\w)(?:\s+(?:says?|said|writes?|wrote|repl(?:y|ies|ied)|texts?|texted|types?|typed|answers?|answered"
    r"|responds?|responded|asks?|asked|sends?|sent|adds?|added|sagt|schreibt|dice|escribe|dit|écrit|говорит|пишет)"
    r"|['’]s\s+(?:reply|repl(?:y|ies)|message|messages|response|answer|turn|text|texts))\s*$",
    re.IGNORECASE,
)
_TAG_WORDS = frozenset({"image", "gif", "video", "audio", "delay", "end"})
_LOGIN = re.compile(r"\b(?:pass(?:word|code|wd)?|pwd?|pin)\s?[:=]", re.IGNORECASE)

_NUMBERED = (
    "(?:persona|person|speaker|participant|character|user|human|friend|texter|personaje|personagem|personne"
    "|interlocutor|interlocuteur|sprecher|teilnehmer|собеседник|участник|персонаж|человек|人物|角色|说话人|話者|화자)"
)
_ROLE = re.compile(
    rf"{_NUMBERED}(?P<one>0|1|a|one|i)|{_NUMBERED}(?P<two>2|b|two|ii)"
    r"|(?P<user>user|human|customer|usuari[oa]|utilisateur|benutzer|nutzer|utente|gebruiker|anvandare|bruger"
    r"|bruker|uzytkownik|uzivatel|kullanici|pengguna|nguoidung|пользователь|користувач|用户|用戶|ユーザー"
    r"|사용자|مستخدم|المستخدم|उपयोगकर्ता|משתמש)"
    r"|(?P<assistant>assistant|assistante|asistente|assistente|assistent|asystent|asistent|asistan|asisten"
    r"|troly|agent|ассистент|помощник|асистент|助手|助理|アシスタント|어시스턴트|مساعد|المساعد|सहायक|עוזר)"
    r"|(?P<machine>ai|bot|chatbot|char)"
)

_REPORT_WORDS = (
    "told tell telling to with from and asked ask hey hi dear is by for about of the my said cc or"
)
_REPORTS = frozenset(_REPORT_WORDS.split())


def names_of(persona: Persona) -> frozenset[str]:
    """Return the names of ``persona``: full and first name, username, nicknames; in lower case."""
    return _names(persona.name, persona.username or "")


@lru_cache(maxsize=4096)
def _names(name: str, username: str) -> frozenset[str]:
    spellings = (name, first_name(name), username, *_NICKNAME.findall(name))
    names = {" ".join(spelling.casefold().split()).strip("@\"'“”‘’ ,.") for spelling in spellings}
    return frozenset(
        spelling
        for spelling in names
        if len(spelling) > 1 or not spelling.isascii() or spelling == name.casefold()
    )


def callers(own: frozenset[str], other: frozenset[str]) -> Callers:
    """Return the label names of two people from their ``names_of``."""
    return Callers(own | other, label_names(own), label_names(other))


def line_label(line: str, people: Callers) -> Label | None:
    """Return the label at the start of ``line``, or None."""
    labels = (_label(line, head, end, form, people) for head, end, form in _heads(line))
    return next((label for label in labels if label), None)


def later_labels(line: str, people: Callers, first: Label | None) -> list[Label]:
    """Return the labels inside ``line``, after its ``first``.

    In a line without a first label they must follow the end of a sentence: "hm, Max: no" has none.
    """
    at = first.end if first else 0
    marks = [match for match in _COLON.finditer(line, at) if _is_mark(line, match)]
    if first and first.form is Form.DASH:
        marks += _DASH.finditer(line, at)
    if first:
        marks += _BRACKETS.finditer(line, at)
    labels: list[Label] = []
    for match in sorted(marks, key=re.Match.start):
        if label := _before(line, at, match, people):
            labels.append(label)
            at = label.end
    both = len({label.key for label in labels}) > 1
    return [label for label in labels if _may_begin(line[: label.start], labelled=both or first is not None)]


def _before(line: str, at: int, mark: re.Match[str], people: Callers) -> Label | None:
    """Return the label whose name is before or inside ``mark`` in ``line``, or None."""
    form = Form.DASH if mark.re is _DASH else Form.MARKED
    if mark.re is _BRACKETS:
        label = _label(line, mark["name"], mark.end(), form, people)
        return label and label._replace(start=mark.start())
    words = list(re.finditer(r"[^\s。！？，、；]+", line[at : mark.start()]))[-_MOST_WORDS:]
    for word in words:
        start = at + word.start()
        end = _skip(line, mark.end(), _em(line[start : mark.start()]))
        if label := _label(line, line[start : mark.start()], end, form, people):
            return label._replace(start=start)
    return None


def _may_begin(before: str, *, labelled: bool) -> bool:
    """Whether a label may follow the text ``before``."""
    before = before.rstrip().rstrip('*_[<(【"“')
    before = before.rstrip()
    if not before:
        return True
    last = before[-1]
    if last in '.?!…。！？)”"*~' or (ord(last) > 0x2190 and not last.isalnum()):
        return True
    if not labelled:
        return False
    return not last.isalnum() or before.split()[-1].casefold() not in _REPORTS


_REPORT_LIST = "told tell telling to with from and asked ask hey hi dear is by for about of the my said cc or"
_REPORTS = frozenset(_REPORT_LIST.split())


def _heads(line: str) -> Iterator[tuple[str, int, Form]]:
    """Yield candidates for a label at the start of ``line``: its text, its end, and how it is marked."""
    start = line[:_LONGEST]
    for match in _BRACKETS.finditer(start):
        if _is_stamp(start[: match.start()]) and match["name"].casefold() not in _TAG_WORDS:
            yield match["name"], match.end(), Form.MARKED
    for match in _COLON.finditer(start):
        if _is_mark(line, match):
            head = start[: match.start()]
            yield head, _skip(line, match.end(), _em(head)), Form.MARKED
    if stamped := _STAMPED.match(start):
        yield stamped.group(), stamped.end(), Form.MARKED
    form = _line_form(line) if start == line else None
    if form is Form.MARKED:
        yield line, len(line), form
    yield from _weak_heads(line, start)
    if form is Form.BARE:
        yield line, len(line), form


def _weak_heads(line: str, start: str) -> Iterator[tuple[str, int, Form]]:
    if match := _ARROW.match(start):
        yield match["name"], match.end(), Form.MARKED
    for pattern, form in ((_BOLD, Form.DASH), (_ROUND, Form.DASH), (_OWN_HANDLE, Form.HANDLE)):
        if match := pattern.match(start):
            yield match["name"], match.end(), form
    for match in _DASH.finditer(start):
        if match.start() and match.end() < len(line):
            after = _AFTER_DASH.match(line, match.end())
            yield start[: match.start()], after.end() if after else match.end(), Form.DASH


def _line_form(line: str) -> Form | None:
    """Return how a line is marked that has only a name, marks and time stamps."""
    if _MARKED_LINE.match(line):
        return Form.MARKED
    if _BULLET.match(line):
        return None
    stamped = _CLOCK.search(line)
    if stamped and (re.search(r"[-–—|•·,\[(]|[ap]\.?m\b", line, re.IGNORECASE) or _STAMP_WORDS.search(line)):
        return Form.MARKED
    return Form.BARE


def _label(line: str, head: str, end: int, form: Form, people: Callers) -> Label | None:
    told = _SPEAKING.search(head) if form is Form.MARKED else None
    if told:
        head, form = head[: told.start()], Form.DASH
    key = _name_in(head)
    side = _side(key, people)
    if side is None or (side is Side.ROLE and _LOGIN.search(line)):
        return None
    if form is Form.HANDLE:
        if side is not Side.OWN:
            return None
        form = Form.DASH
    stamp = _STAMP_BEHIND.match(line, end)
    if stamp and _is_stamp(stamp.group()):
        end = stamp.end()
    names = people.own if side is Side.OWN else people.other
    sure = key not in names.words or is_titled(_unstamped(head)) or bool(_UNLIKE_WORDS.search(line[:end]))
    if "@" in head and side is Side.OTHER and form is Form.MARKED and "<" not in line[:end]:
        form = Form.DASH  # "@maxo: coffee?" addresses somebody
    return Label(0, end, side, _role(key) or key, sure, form)


def _side(key: str, people: Callers) -> Side | None:
    if not key:
        return None
    if people.own.has(key):
        return Side.OWN
    if people.other.has(key):
        return Side.OTHER
    role = _role(key)
    if not role:
        return None
    if role in people.other_roles:
        return Side.OTHER
    return Side.OWN if role in people.own_roles else Side.ROLE


def _role(key: str) -> str:
    """Return which of the roles ``key`` names: one, two, user, assistant, machine, or ""."""
    match = _ROLE.fullmatch(key)
    return str(match.lastgroup) if match else ""


def _name_in(head: str) -> str:
    """Return the name in ``head``, normalized for comparison, or ""."""
    plain = _unstamped(head)
    if _NO_NAME.search(plain) or len(plain.split()) > _MOST_WORDS:
        return ""
    return name_key(plain)


def _unstamped(head: str) -> str:
    head = _UNSEEN.sub("", head)
    plain = _BULLET.sub("", head, count=1) if _BULLET.match(head) else head
    if any(letter.isdigit() for letter in plain):
        unstamped = _CLOCK.sub(" ", _DATE.sub(" ", plain))
        if unstamped != plain:
            plain = re.sub(r"^[\s\[\](),.|•·–—-]+|[\s\[\](),.|•·–—-]+$", "", _STAMP_WORDS.sub(" ", unstamped))
    return _REMARK.sub("", plain) or plain


def _is_stamp(text: str) -> bool:
    """Whether ``text`` is empty, a bullet, or a date and time."""
    return not any(letter.isalnum() for letter in _STAMP_WORDS.sub("", _CLOCK.sub("", _DATE.sub("", text))))


def _is_mark(line: str, match: re.Match[str]) -> bool:
    """Whether this colon is not part of a time, a URL, or a face as in ``Luna :)`` and ``max >:(``."""
    if match.group() != ":":
        return True
    at = match.start()
    before, after = line[at - 1 : at], line[at + 1 : at + 6]
    if after.startswith("//") or (before.isdigit() and after[:1].isdigit()):
        return False
    if after[:1] in "*_" and after[:1] and line[:at].lstrip(" -•>#\t").startswith(after[:1]):
        return True
    return not (_MOUTH.match(after) or (before.isspace() and bool(after) and not after[0].isspace()))


def _em(head: str) -> str:
    """Return the emphasis marks that are open at the end of ``head``."""
    opening = _OPENING.match(head)
    marks = opening["em"] if opening else ""
    return marks if marks and opening and marks not in head[opening.end() :] else ""


def _skip(line: str, at: int, em: str) -> int:
    """Return the start of the text: after spaces, and after emphasis marks opened before the name."""
    match = re.compile(rf"\s?{re.escape(em)}\s*").match(line, at) if em else None
    return match.end() if match else len(line) - len(line[at:].lstrip())
