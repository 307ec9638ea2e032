"""Names of languages, as data sets write them, as ISO 639-1 codes."""

from __future__ import annotations

_NAMES = (
    "af Afrikaans,ar Arabic,be Belarusian,bg Bulgarian,bn Bengali,ca Catalan,cs Czech,da Danish,de German,"
    "el Greek,en English,eo Esperanto,es Spanish,et Estonian,eu Basque,fa Persian,fi Finnish,fr French,"
    "ga Irish,gl Galician,gu Gujarati,he Hebrew,hi Hindi,hr Croatian,hu Hungarian,hy Armenian,id Indonesian,"
    "is Icelandic,it Italian,ja Japanese,ka Georgian,kk Kazakh,kn Kannada,ko Korean,la Latin,lt Lithuanian,"
    "lv Latvian,mk Macedonian,ml Malayalam,mn Mongolian,mr Marathi,ms Malay,my Burmese,ne Nepali,nl Dutch,"
    "no Norwegian,pa Punjabi,pl Polish,pt Portuguese,ro Romanian,ru Russian,sk Slovak,sl Slovenian,"
    "sq Albanian,"
    "sr Serbian,sv Swedish,sw Swahili,ta Tamil,te Telugu,th Thai,tl Tagalog,tr Turkish,uk Ukrainian,ur Urdu,"
    "uz Uzbek,vi Vietnamese,cy Welsh,zh Chinese"
)
_CODES = {name.lower(): code for code, name in (entry.split(" ") for entry in _NAMES.split(","))}


def language_code(name: str) -> str:
    """Return the code of a language given by name or by code; "" where it is not known."""
    plain = name.strip().lower()
    if plain in _CODES:
        return _CODES[plain]
    short = plain.replace("_", "-").split("-")[0]
    return short if short in _CODES.values() else ""
