"""Recognizes lists: "Luna: salad, Max: drinks", scores, days, prices. Names in them are not labels."""

from __future__ import annotations

import re
from collections.abc import Sequence

from soc_gen.text.normalize import fold
from soc_gen.text.tokens import UNSPACED, WORD

_FEW_WORDS = 3
_MORE_WORDS = 6
"""Words allowed in an item if other signs show that it is a list."""
_NEXT_ITEM = re.compile(
    r"[,;/|&、，；]\s*(?:and\s+)?@?(?P<name>[^\s:：,;/|&-][^:：,;/|&\n]{0,40}?)\s?(?:[:：]\s*|\s[-–—]\s)"
)
_ITEM_LINE = re.compile(
    r"[^\w\n]*(?P<name>[^\W_][^:：\n.?!,;]{0,30}?)[*_\])]{0,3}\s?(?:[:：]|\s[-–—]\s)\s*(?=\S)"
)
_PIECE = re.compile(r"[,;/+&、，；]|\b(?:and|und|y|et|e|og|och|en|и)\b")
_SENTENCE_END = re.compile(r"(?<=[.!?…。！？])\s")
# Words of speech. A text with one of them is a message; a list item is a thing, a number, or a time.
_TALK_LIST = """
    i im ive ill id me my mine you your yours youre we us our were they them he him she it its this that thats
    these those there theres here yes yeah yep yup yea no nope nah ok okay k sure alright hey hi hello hiya yo
    bye goodbye ciao thanks thank thx ty lol haha hahaha hehe omg wow oh ah aw ugh hmm hm what whats why how
    who whose where when which is isnt are arent am was wasnt be been being do dont does doesnt did didnt done
    can cant could couldnt will wont would wouldnt should shouldnt shall may might must have havent has hasnt
    had need want know knew think thought guess hope wish feel felt go goes going gone went gonna come comes
    coming came see saw seen look looks get gets getting got give gave take takes took make made say says said
    tell told ask asked call called leave left keep kept put let lets try stop wait works work still already
    again just really very so too also maybe probably never always not but because if then than now later soon
    good great nice cool fine bad sorry please welcome right wrong true well behind under over inside outside
    about before after until since without love miss hate like bring brought find found lost forgot remember
    hola si que quien donde cuando como porque gracias vale bueno pero yo tu es esta estoy voy no nada ya
    ja nein doch nee hallo danke ich du wir ihr ist bin sind nicht gut aber wo wann warum schon noch hab habe
    oui non salut merci je tu on il elle est suis pas mais bien quoi ou quand pourquoi deja encore
    sono sei grazie io tu ma bene dove quando perche ancora gia ola oi sim nao obrigado obrigada eu voce mas
    da net nyet privet hoi hej tak nie czesc dzieki jestem evet hayir merhaba ben sen
    да нет привет я ты мы он она это там тут что где когда почему спасибо уже еще не и
    نعم لا انا أنا انت أنت هو هي هنا هناك وين اين أين متى شو ماذا ليش لماذا كيف شكرا
    مرحبا طيب تمام ورا بعد الان هلق
    כן לא אני אתה את הוא היא כאן שם איפה מתי מה למה איך תודה שלום טוב עכשיו אחרי
    ναι οχι εγω εσυ ειναι ειμαι εδω εκει που ποτε τι γιατι πως ευχαριστω γεια καλα τωρα πισω
    हां हाँ नहीं मैं तुम आप वह यह यहाँ वहाँ कहाँ कब क्या क्यों कैसे है हूँ हो नमस्ते ठीक अभी पीछे
    igen nem itt ott hol mikor mit miert hogyan koszi szia szervusz jo rendben
    khong toi anh dau roi chua duoc
    iya tidak gak aku saya kamu kau ini itu disini disana kapan apa kenapa gimana makasih
    halo sudah belum
    tak nie ja ty jest gdzie kiedy dlaczego dobrze teraz juz jeszcze cześć
    evet hayir nerede ne zaman neden nasil tamam simdi henuz burada orada yok
    joo mina sina missa milloin mita miksi kiitos moi hyva nyt ano kde kdy proc diky ahoj dobre jsem
    네 아니 응 나 너 안녕 고마워 어디 언제 왜 はい うん いいえ ううん
"""
_TALK = frozenset(fold(_TALK_LIST).split())
_SAID = re.compile("[?!？！…؟՞՜፧⸮]|(?<=[\u0370-\u03ff])[;\u037e]\\s*$")
_NO_THING = re.compile(r"(?:in|at|on|to|from|near|next|by|with|for) ")
_TALK_SIGNS = re.compile(
    "[我你您他她它们是不了吗呢吧啊好在有来去就也还这那么]|です|ます|した|ない|だよ|だね|요$|다$|어$"
)
_UNSPACED_TEXT = re.compile(f"[{UNSPACED}]")


def is_list(items: Sequence[tuple[str, str]], *, expected: bool = False) -> bool:
    """Whether these names with texts form a list, and not labelled messages.

    Args:
        items: Normalized names, and the text after each of them.
        expected: Other signs show a list: a line ends in a colon, or days are named too.
    """
    names = [name for name, _ in items]
    most = _MORE_WORDS if expected else _FEW_WORDS
    return len(items) > 1 and len(set(names)) == len(names) and all(is_item(text, most) for _, text in items)


def is_item(text: str, most: int = _FEW_WORDS) -> bool:
    """Whether ``text`` can be a list item (a thing, a number, a time): a few words, none of speech."""
    first = _SENTENCE_END.split(text.strip(" \t,;/|&"), maxsplit=1)[0]
    if not first or _SAID.search(first):
        return False
    words = [word.replace("'", "") for word in WORD.findall(fold(first).replace("’", "'"))]
    if not words or not _TALK.isdisjoint(words) or _TALK_SIGNS.search(first) or _NO_THING.match(first):
        return False
    if _UNSPACED_TEXT.search(first):
        most += 2
    return len(words) <= 2 * most and all(len(WORD.findall(piece)) <= most for piece in _PIECE.split(first))


def is_score(text: str) -> bool:
    """Whether ``text`` has digits and no letters, like a score."""
    return any(letter.isdigit() for letter in text) and not any(letter.isalpha() for letter in text)


def next_items(text: str) -> list[re.Match[str]]:
    """Return the names after a separator in the same line: ``blue:`` in "3, blue: 4"."""
    return list(_NEXT_ITEM.finditer(text))


def item_line(line: str) -> re.Match[str] | None:
    """Match a line that begins with any name before a colon or a dash."""
    return _ITEM_LINE.match(line)
