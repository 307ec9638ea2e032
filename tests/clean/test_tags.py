"""The tags of a message: what is understood, what it becomes, and that it stays so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soc_gen.text import end_tags, markup, tags
from soc_gen.text.tags import Tag
from tests.support.messy_chats import FRAGMENTS

messages = st.one_of(st.text(max_size=30), st.lists(st.sampled_from(FRAGMENTS), max_size=12).map("".join))


def rewritten(message: str) -> str:
    """Return ``message`` with each tag in its one form."""
    return tags.render(tags.parse(message))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("<image>a cat</image>", "<image>a cat</image>"),
        ("<IMAGE> a cat </Image>", "<image>a cat</image>"),
        ("<image>a cat</image>look at her", "<image>a cat</image> look at her"),
        ("<image>a cat", "<image>a cat</image>"),
        ("<image>a cat<image>", "<image>a cat</image>"),
        ("<image>a cat<image>a dog</image>", "<image>a cat</image> <image>a dog</image>"),
        ("<image>a cat</gif>", "<image>a cat</image>"),
        ("<image>a <gif>cat</gif> on tv</image>", "<image>a cat on tv</image>"),
        ("<image><image>a cat</image></image>", "<image>a cat</image>"),
        ('<image description="a cat"/>', "<image>a cat</image>"),
        ("<image: a cat>", "<image>a cat</image>"),
        ("<img>a cat</img>", "<image>a cat</image>"),
        ("<image></image> hi", "hi"),
        ("hi</image>", "hi"),
        ("<video>waves<end/></video>", "<video>waves</video> <end/>"),
        ("<delay minutes=5>", '<delay minutes="5"/>'),
        ("<delay 5 minutes/>", '<delay minutes="5"/>'),
        ("<DELAY Hours = '2' />", '<delay hours="2"/>'),
        ("<delay days='1' hours='2'></delay>", '<delay hours="2" days="1"/>'),
        ("<delay>10 mins</delay>", '<delay minutes="10"/>'),
        ("<delay=3h>", '<delay hours="3"/>'),
        ("<delay 7/>", '<delay minutes="7"/>'),
        ('<delay hours="1.5"/>', '<delay minutes="30" hours="1"/>'),
        ('<delay seconds="20"/>', '<delay minutes="1"/>'),
        ('<delay minutes="90"/>', '<delay minutes="90"/>'),
        ('<delay weeks="1"/>', '<delay days="7"/>'),
        ('<delay minutes="0" hours="2"/>', '<delay hours="2"/>'),
        ("<delay a while/> ok", "ok"),
        ('<delay days="999999"/> ok', "ok"),
        ("bye <End >", "bye <end/>"),
        ("bye <end></end>", "bye <end/> <end/>"),
        ("I <3 you >_< a<b", "I <3 you >_< a<b"),
    ],
)
def test_each_tag_is_written_in_one_form(written: str, meant: str) -> None:
    assert rewritten(written) == meant


@pytest.mark.parametrize(
    ("together", "apart"),
    [
        (["look <image>a cat</image> cute no?"], ["look", "<image>a cat</image> cute no?"]),
        (["<audio>hey it's me</audio> listen"], ["<audio>hey it's me</audio>", "listen"]),
        (['<delay minutes="5"/>sorry, phone died'], ['<delay minutes="5"/>', "sorry, phone died"]),
        (['<delay hours="2"/><gif>shrug</gif> meh'], ['<delay hours="2"/>', "<gif>shrug</gif> meh"]),
        (["ok bye<end/>"], ["ok bye", "<end/>"]),
        (["<delay/>", "x"], ["x"]),
        (["plain", ""], ["plain", ""]),
    ],
)
def test_a_tag_starts_its_message_and_delay_audio_and_end_stand_alone(
    together: list[str], apart: list[str]
) -> None:
    assert tags.split_tags(together) == apart


def test_end_is_seen_taken_out_and_cut_after() -> None:
    said = ["ok", "bye <END>", "one more thing"]
    assert end_tags.has_end(said)
    assert not end_tags.has_end(["the end", "<ended>"])
    assert end_tags.take_out_end(said) == ["ok", "bye", "one more thing"]
    assert end_tags.take_out_end(["<end/>", "hm"]) == ["hm"]
    assert end_tags.cut_after_end(said) == ["ok", "bye", "<end/>"]


@pytest.mark.parametrize(
    ("message", "count"),
    [
        ("<image>a cat</image> hi", 0),
        ("<delay 5 minutes/>", 0),
        ("bye <end>", 0),
        ("I <3 this", 0),
        ("<image>a cat", 1),
        ("a cat</image>", 1),
        ("<image>a <gif>b</gif></image>", 1),
        ("<image></image>", 1),
        ("<image>a cat</gif>", 1),
        ("<image>a cat</image></gif>", 1),
        ("<delay soon/>", 1),
        ("<sigh> fine", 1),
    ],
)
def test_problems_names_each_tag_that_does_not_parse(message: str, count: int) -> None:
    assert len(tags.problems(message)) == count


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("<sigh> fine", "sigh fine"),
        ("<b>so</b> good", "so good"),
        ("<<a>b>", "ab>"),
        ("<<<sigh>>> ok", "sigh ok"),
        ("a <b and c> d <3", "a <b and c> d <3"),
        ("<image>x</image>", "<image>x</image>"),
        ("List<String> a, vector<int> b", "List<String> a, vector<int> b"),
        ("use `<div>` not `</div>`", "use `<div>` not `</div>`"),
        ("use `<b>so</b>` for <b>bold</b>", "use `<b>so</b>` for bold"),
        ("```html\n<b>so</b>\n``` <sigh>", "```html\n<b>so</b>\n``` sigh"),
        ("so<b>so</b> good", "soso good"),
        ("<o_o> <T_T>", "<o_o> <T_T>"),
    ],
)
def test_unknown_tags_lose_their_brackets(written: str, words: str) -> None:
    assert markup.strip_unknown(written) == words


def test_the_end_of_a_rant_is_not_the_end_of_the_chat() -> None:
    for text in ("so tired <end rant> anyway", "<end of rant>", "</end rant>", "press <End> to jump"):
        assert tags.split_tags([text]) == [text]
        assert not end_tags.has_end([text])
    for text in ("<end>", "<END/>", "</end>", "<end of conversation>", '<end reason="x"/>'):
        assert tags.split_tags([text]) == ["<end/>"]


def test_a_delay_knows_its_length() -> None:
    assert tags.parse('<delay minutes="5" hours="2" days="1"/>') == [Tag("delay", minutes=5, hours=2, days=1)]
    assert Tag("delay", minutes=5, hours=2, days=1).total_minutes == 1565


def test_spoken_text_is_words_captions_and_audio() -> None:
    assert tags.spoken_text("<image>a cat</image> my cat") == "my cat"
    assert tags.spoken_text("<audio>hi you</audio>") == "hi you"
    assert tags.spoken_text('<delay minutes="5"/>') == ""


@given(messages)
def test_normalising_twice_is_normalising_once(message: str) -> None:
    once = rewritten(message)
    assert rewritten(once) == once
    assert markup.strip_unknown(markup.strip_unknown(message)) == markup.strip_unknown(message)


@given(st.lists(messages, max_size=4))
def test_splitting_twice_is_splitting_once_and_leaves_nothing_wrong(texts: list[str]) -> None:
    once = tags.split_tags(texts)
    assert tags.split_tags(once) == once
    assert not [problem for text in once for problem in tags.problems(text) if "unknown" not in problem]


@given(st.lists(messages, max_size=4))
def test_a_taken_out_end_is_gone_and_a_cut_one_is_last(texts: list[str]) -> None:
    assert not end_tags.has_end(end_tags.take_out_end(texts))
    cut = end_tags.cut_after_end(texts)
    assert not end_tags.has_end(cut[:-1])
    assert end_tags.has_end(cut) == end_tags.has_end(tags.split_tags(texts))


@given(
    st.lists(st.sampled_from(["<image>", "</image>", "<audio>", "</audio>", "a", " ", "<end/>", ">"])).map(
        "".join
    )
)
def test_a_message_that_is_taken_as_right_unparsed_would_be_written_so(message: str) -> None:
    if tags.split_tags([message]) == [message]:
        assert tags.render(tags.parse(message)) == message or "<" not in message


@given(messages)
def test_what_is_written_reads_back_the_same(message: str) -> None:
    pieces = tags.parse(rewritten(message))
    assert tags.parse(tags.render(pieces)) == pieces


def test_a_hostile_message_takes_linear_time() -> None:
    assert tags.split_tags(["<image>" * 20_000]) == []
    assert tags.split_tags([f"<image {'w' * 100_000}=>x</image>"]) == ["<image>x</image>"]
    assert markup.strip_unknown("`" * 50_000 + "<a ") == "`" * 50_000 + "<a "
    assert markup.strip_unknown("<a " * 50_000) == "<a " * 50_000
    assert markup.strip_unknown("<" * 50_000 + "a" + ">" * 50_000) == "a"


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("behind the bikes<br>next to the saw", "behind the bikes\nnext to the saw"),
        ("saw <br/> rope", "saw\nrope"),
        ("<p>saw</p><p>rope</p>", "\nsaw\nrope\n"),
        ("<ol><li>saw</li>\n<li>rope</li></ol>", "\nsaw\nrope\n"),
        ('<div class="a">saw</div>rope', "\nsaw\nrope"),
        ("<table><tr><td>saw</td><td>rope</td></tr></table>", "\nsaw\nrope\n"),
        ("flips <table>", "flips table"),
        ("wonder<i>ful</i>", "wonderful"),
        ('see <a href="https://example.org/?a=b">this</a>', "see this"),
        ("<typing/>", ""),
        ("hey<typing/>you", "hey you"),
        ('<reaction emoji="x">hey', "hey"),
        ("<sigh>fine", "sigh fine"),
        ("<rant>omg</rant>ok", "omg ok"),
        ("<!-- dry -->hey <style>a {}</style>", "hey "),
        ("Set<T> and <o_o>", "Set<T> and <o_o>"),
        ('<delay minutes="5"/>', '<delay minutes="5"/>'),
    ],
)
def test_blocks_become_lines_and_tags_that_hold_nothing_go(written: str, text: str) -> None:
    assert markup.strip_unknown(written) == text
