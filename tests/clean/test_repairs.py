"""What each repair puts right, what it leaves alone, and that all of them together come to rest."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soc_gen.models import Chat
from soc_gen.stages.clean.config import CleanConfig, RepairsConfig
from soc_gen.stages.clean.features import ChatFeatures
from soc_gen.stages.clean.repairs import machine, shape, text
from soc_gen.stages.clean.repairs.repairer import Repairer, UnsettledError, Writer, part_repairs
from soc_gen.text import quotes, templates
from soc_gen.text.labelled_parts import NOBODY
from soc_gen.text.prompt_leak import index_prompts
from soc_gen.text.speaker_labels import names_of
from tests.support.messy_chats import CHATS, PIECES, PROMPT
from tests.support.people import TALK, chat

GRAMS = index_prompts([PROMPT])


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (["<think>she is angry</think>what now"], ["what now"]),
        (["<Thinking>\nlong\n</Thinking>\nhm"], ["\nhm"]),
        (["i should be short</think>hm"], ["hm"]),
        (["ok <think>and then"], ["ok "]),
        (["<think>one", "two", "three</think>said"], ["", "said"]),
        (["<reasoning>x</reasoning>y"], ["y"]),
        (["< think >x</ think >y"], ["y"]),
        (["i have <thoughts> about it"], ["i have <thoughts> about it"]),
        (["i think <3"], ["i think <3"]),
        (["[THINK]she is upset[/THINK]hey"], ["hey"]),
        (["◁think▷she is upset◁/think▷hey"], ["hey"]),
        (["[THINK]she is", "upset"], ["", "upset"]),
        (["hm[/THINK]hey"], ["hey"]),
        (["<seed:think>hm</seed:think>hey"], ["hey"]),
        (["[think] hm"], ["[think] hm"]),
        (["<scratchpad>max is angry</scratchpad>behind the bikes"], ["behind the bikes"]),
        (["<internal_thought>he lies</internal_thought> no"], [" no"]),
        (["<plan>mention saturday</plan>\nno"], ["\nno"]),
        (["<inner_monologue>he lies", "or not", "hm</inner_monologue>no"], ["", "no"]),
        (["hey", "<plan>mention saturday", "no"], ["hey", "", "no"]),
        (["<|START_THINKING|>hm<|END_THINKING|>no"], ["no"]),
        (["<|channel>thought\nhm<channel|>no"], ["no"]),
        (["Thinking Process: dry. Final: no"], ["no"]),
        (["ok", "Here is my thought process: dry\nHere is my response: no"], ["ok", "no"]),
        (["analysisBe dryassistantfinalno"], ["no"]),
        (["behind<plan>dry</plan>the bikes"], ["behind the bikes"]),
        (["ok <thought>he lies</thought> no"], ["ok no"]),
        (["<luna_thoughts>he lies</luna_thoughts>no"], ["no"]),
        (["<InnerVoice>he lies</InnerVoice>no"], ["no"]),
        (["<reasoning effort='low' tokens=5>he lies</reasoning>no"], ["no"]),
        (["[analysis]he lies[/analysis] no"], [" no"]),
        (["◁reflection▷he lies◁/reflection▷no"], ["no"]),
        (["◁plan▷he lies", "no"], ["", "no"]),
        (["<mood>dry</mood>no"], ["no"]),
        (["i caught <feelings>", "[plan] ok"], ["i caught <feelings>", "[plan] ok"]),
        (["my <plan>", "is good"], ["my <plan>", "is good"]),
        (["long text </thoughts>", "ok"], ["long text </thoughts>", "ok"]),
    ],
)
def test_thinking_goes_also_unclosed_and_with_no_opener(written: list[str], kept: list[str]) -> None:
    assert machine.drop_thinking(written) == kept


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("<|im_start|>assistant\nhey", "hey"),
        ("hey<|im_end|>", "hey"),
        ("hey<|im_end|>\n<|im_start|>user\nhi to you", "hey"),
        ("<|start_header_id|>assistant<|end_header_id|>\n\nhey<|eot_id|>", "hey"),
        ("<start_of_turn>model\nhey<end_of_turn>", "hey"),
        ("[INST] hey [/INST] you", "you"),
        ("<s>hey</s>", "hey"),
        ("hey<|user|>\nhi to you", "hey"),
        ("hey\n<｜User｜>hi to you", "hey\n"),
        ("hey<|im_start|>user\nhi to you", "hey"),
        ("hey<|END_OF_TURN_TOKEN|><|START_OF_TURN_TOKEN|><|USER_TOKEN|>hi", "hey"),
        ("hey [INST] hi to you", "hey "),
        ("<｜Assistant｜>hey", "hey"),
        ("### Response:\nhey", "hey"),
        ("hey /no_think", "hey "),
        ("<|im_start|>assistant: hey", "hey"),
        (
            "<|channel|>analysis<|message|>be short<|end|><|start|>assistant<|channel|>final<|message|>hey",
            "hey",
        ),
        ("<|start|>assistant<|channel|>final<|message|>hey<|return|>", "hey"),
        ("<|channel|>analysis<|message|>be short, be", ""),
        ("hey</s> User: hi to you", "hey"),
        ("<s>monday</s> tuesday", "monday tuesday"),
        ("<think/>hey", "hey"),
        ("<|°_°|> <|o_o|>", "<|°_°|> <|o_o|>"),
        ("ls /think", "ls /think"),
        ("i like |pipes| and <3", "i like |pipes| and <3"),
        ("model trains and user groups", "model trains and user groups"),
    ],
)
def test_chat_template_tokens_go_and_what_follows_the_turn(written: str, kept: str) -> None:
    assert templates.drop_template_tokens([written]) == [kept]


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (['{"messages": ["hey", "you there?"]}'], ["hey", "you there?"]),
        (['```json\n{"messages": ["hey"]}\n```'], ["hey"]),
        (['{\\"messages\\": [\\"hey\\", \\"you\\"]}'], ["hey", "you"]),
        (['{"messages": ["hey", "you th'], ["hey", "you th"]),
        (['hey", "you"]}'], ["hey", "you"]),
        (['{"messages":', '["hey", "you"]}'], ["hey", "you"]),
        (['{"message": "hey"}'], ["hey"]),
        (['{"sender": "Luna", "messages": ["hey"]}'], ["hey"]),
        (['["hey", "you"]'], ["hey", "you"]),
        (['{"messages": ["hey"],}'], ["hey"]),
        (['{"messages": ["hey"]}}'], ["hey"]),
        (['{"messages": ["hey"'], ["hey"]),
        (['{"messages": []}', "hey"], ["hey"]),
        (['{"messages": ["hey"]}\n{"messages": ["you"]}'], ["hey", "you"]),
        (['{"messages": ["hey"]}\nand so on'], ["hey", "and so on"]),
        (['{"a": 1}'], ['{"a": 1}']),
        (['{"status": 404, "message": "Not Found"}'], ['{"status": 404, "message": "Not Found"}']),
        (['{"message": "Not Found", "docs": "x"}'], ['{"message": "Not Found", "docs": "x"}']),
        (['the last line is "foo"}'], ['the last line is "foo"}']),
        (["[1, 2]"], ["[1, 2]"]),
        (["```\nprint(1)\n```"], ["```\nprint(1)\n```"]),
        (['he said "no" [again]'], ['he said "no" [again]']),
        (["{shrug} ok"], ["{shrug} ok"]),
    ],
)
def test_json_is_unpacked_whole_or_in_ruins(written: list[str], kept: list[str]) -> None:
    assert machine.unpack_json(written) == kept


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("Sure! Here is the next message:\nhey", "hey"),
        ("Here's Luna's reply: hey", "hey"),
        ("**Here is the next message from Luna:**\nhey", "hey"),
        ("here's the reply: *waves*", "*waves*"),
        *(
            (text, text)
            for text in (
                "here's the short version: we broke up",
                "here's the message he sent me: you up?",
                "here's the next message she sent: no",
                "here is the reply from the landlord: no pets",
                "ok here's the error message: segfault",
                "here's my response: no",
                "here's the updated version: cv.pdf",
                "here's the turn: left at the church",
                "here's mom's reply: ask your father",
            )
        ),
        ("Certainly! Here are the messages: hey", "hey"),
        ("sure! here's the recipe: eggs", "sure! here's the recipe: eggs"),
        ("here is my number: 5", "here is my number: 5"),
    ],
)
def test_a_preamble_goes(written: str, kept: str) -> None:
    assert machine.drop_preambles([written], {"luna"}) == [kept]


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("bye (end of conversation)", "bye"),
        ("[END]", ""),
        ("ok *conversation ends*", "ok"),
        ("--- end of chat ---", ""),
        ("ok (the end of the street)", "ok (the end of the street)"),
        ("ok (end conversation)", "ok"),
        ("ok  (end of chat) \n", "ok"),
        ("a---- end ----", "a"),
        ("ok (end of conversation)", "ok"),
        ("the end", "the end"),
        ("so i dumped him (the end)", "so i dumped him (the end)"),
    ],
)
def test_a_note_that_the_talk_ends_goes(written: str, kept: str) -> None:
    assert machine.drop_end_notes([written]) == [kept]


def test_lines_that_recite_the_prompt_go_and_others_stay() -> None:
    recital = "ok\nwrite short messages as people do when they type\nso"
    assert machine.drop_leaks([recital, "short messages"], GRAMS) == ["ok\nso", "short messages"]


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("itâ€™s fine", "it’s fine"),
        ("cafÃ©", "café"),
        ("voilÃ  ok", "voilà ok"),
        ("ðŸ˜‚ yes", "😂 yes"),
        ("РїСЂРёРІРµС‚", "привет"),
        ("привет, 你好, où ça?", "привет, 你好, où ça?"),
        ("Tom &amp; Jerry &lt;3", "Tom & Jerry <3"),
        ("use &amp; instead of & there", "use &amp; instead of & there"),
        ("fish & chips, don&rsquo;t &lt;3", "fish & chips, don’t <3"),
        ("it&#8217;s caf&eacute;&nbsp;&#x1F602;&hellip;", "it’s café 😂…"),
        ("write `&nbsp;` or &unknown; or ?a=1&copy=2", "write `&nbsp;` or &unknown; or ?a=1&copy=2"),
        ("“curly” — ok… 😂 ¯\\_(ツ)_/¯", "“curly” — ok… 😂 ¯\\_(ツ)_/¯"),
        ("naïve façade, señor", "naïve façade, señor"),
    ],
)
def test_mojibake_is_undone_and_what_people_type_stays(written: str, kept: str) -> None:
    assert text.fix_encoding(written) == kept


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("a\u200bb\ufeff\x00c", "abc"),
        ("line\r\nnext\u2028third\tcell", "line\nnext\nthird cell"),
        ("family 👨\u200d👩\u200d👧 ❤\ufe0f", "family 👨\u200d👩\u200d👧 ❤\ufe0f"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("a\u200d b", "a b"),
        ("അവന\u0d4d\u200d വന്നു", "അവന\u0d4d\u200d വന്നു"),
        ("ന\u0d4d\u200d", "ന\u0d4d\u200d"),
        ("ന\u0d4d\u200d\u200d x", "ന\u0d4d\u200d x"),
        ("ന\u200d x", "ന x"),
        ("\u202eevil", "evil"),
        ("plain", "plain"),
    ],
)
def test_what_nobody_sees_goes_and_emoji_stay_whole(written: str, kept: str) -> None:
    assert text.drop_invisible(written) == kept


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ('"hey"', "hey"),
        ('""hey""', "hey"),
        ("“hey”", "hey"),
        ('"hey" he said "no"', '"hey" he said "no"'),
        ('say "no"', 'say "no"'),
        ('"', '"'),
        ('""hey"', '""hey"'),
        ('"hey""', '"hey""'),
        ("“““hey“““", "hey"),
        ("““““hey““““", "““““hey““““"),
    ],
)
def test_quotation_marks_around_a_whole_message_go(written: str, kept: str) -> None:
    assert quotes.unquote(written) == kept


def test_spaces_go_at_the_ends_of_messages_and_lines() -> None:
    assert text.tidy_spaces("  a  \nb \n\n\n\nc ") == "a\nb\n\nc"


def test_parts_are_dropped_when_empty_and_joined_when_of_one_sender() -> None:
    parts = [("a", ["1"]), ("b", []), ("a", ["2"]), ("b", ["3"])]
    assert shape.merge_parts(shape.drop_empty_parts(parts)) == [("a", ["1", "2"]), ("b", ["3"])]


def test_an_end_is_cut_after_taken_out_early_and_kept_when_last() -> None:
    end = "<end/>"
    early = [("a", ["1", end]), ("b", ["2"]), ("a", ["3", end])]
    assert shape.settle_end(early, 4) == [("a", ["1"]), ("b", ["2"]), ("a", ["3", end])]
    assert shape.settle_end(early, 0) == [("a", ["1", end])]
    assert shape.settle_end([("a", ["1"]), ("b", [end, "2"])], 1) == [("a", ["1"]), ("b", [end])]
    assert shape.settle_end([("a", [end, "1", end])], 4) == [("a", ["1", end])]


def repaired(*parts: list[str], config: CleanConfig | None = None) -> list[list[str]]:
    made, _ = Repairer(config or CleanConfig(), GRAMS).repair(ChatFeatures(chat(*parts), 3))
    return [part.messages for part in made.chat.chat_parts]


def test_parts_that_a_repair_empties_do_not_count_towards_an_end() -> None:
    """An end in the fifth part is believed; in the third, which it is without the fourth, it is not."""
    parts = [["a"], ["b"], ["c"], ["<|im_end|>"], ["d <end/>", "e"], ["f"]]
    assert repaired(*parts) == [["a"], ["b"], ["c", "d", "e"], ["f"]]


def test_the_repairs_work_through_each_other() -> None:
    messy = [
        '{"messages": ["**Luna:** <think>hm</think>[Luna] hey <IMAGE>a cat", "Here is the reply: \\"ok\\""]}'
    ]
    assert repaired(messy, ["&lt;Max&gt; \u200bno"]) == [["hey", "<image>a cat</image>", "ok"], ["no"]]


def test_the_writer_s_labels_go_from_every_line_when_the_first_has_one() -> None:
    assert repaired(["Luna: hey\nLuna: you there?"], ["hm\nmax: 3"]) == [["hey\nyou there?"], ["hm\nmax: 3"]]


def test_a_repair_can_be_switched_off() -> None:
    off = CleanConfig(repairs=RepairsConfig(speaker_labels=False, unknown_tags=False))
    assert repaired(["Luna: <sigh> hi"], ["no"], config=off) == [["Luna: <sigh> hi"], ["no"]]


@pytest.mark.parametrize(
    ("name", "messages"),
    [
        ("thinking", ["<think>hm</think>hey"]),
        ("thinking", ["analysisBe dryassistantfinalhey"]),
        ("template_tokens", ["<|im_start|>hey"]),
        ("json_leftovers", ['{"messages": ["hey"]}']),
        ("preambles", ["Sure! Here is the next message:\nhey"]),
        ("end_notes", ["hey (end of conversation)"]),
        ("encoding", ["itâ€™s"]),
        ("invisible", ["h\u200bey"]),
        ("quotation_marks", ['"hey"']),
        ("speaker_labels", ["Luna: hey"]),
        ("leaked_instructions", ["hey", PROMPT]),
        ("tags", ["hey <image>a cat</image>"]),
        ("unknown_tags", ["<sigh> hey"]),
        ("spacing", ["hey  "]),
        ("empty", ["hey", ""]),
        ("end_tags", ["hey", "<end/>"]),
    ],
)
def test_each_repair_has_its_name_and_is_not_made_when_switched_off(name: str, messages: list[str]) -> None:
    parts = [messages, ["ok"]]
    off = CleanConfig(repairs=RepairsConfig(**{name: False}))
    _, changes = Repairer(CleanConfig(), GRAMS).repair(ChatFeatures(chat(*parts), 3))
    assert name in {change.repair for change in changes}
    assert repaired(*parts) != parts
    _, changes = Repairer(off, GRAMS).repair(ChatFeatures(chat(*parts), 3))
    assert name not in {change.repair for change in changes}


def test_a_chat_without_faults_is_the_same_object_and_changes_are_named() -> None:
    repairer = Repairer(CleanConfig(), GRAMS)
    good = ChatFeatures(chat(*TALK), 3)
    assert repairer.repair(good)[0] is good
    _, changes = repairer.repair(ChatFeatures(chat(["Luna: hi "], ["no"]), 3))
    assert [change.repair for change in changes] == ["speaker_labels", "spacing"]
    assert (changes[0].before, changes[0].after) == ("Luna: hi ", "hi ")


@settings(max_examples=300)
@given(CHATS)
def test_repairing_comes_to_rest_and_twice_is_once(messy: Chat) -> None:
    repairer = Repairer(CleanConfig(), GRAMS)
    once, _ = repairer.repair(ChatFeatures(messy, 3))
    again, changes = repairer.repair(once)
    assert again is once
    assert not changes
    assert Chat.model_validate_json(once.chat.to_json()) == once.chat


NAMES = ("Luna Park", "moon_luna", "image", "Dr. Max", "~luna~", "🌙 Luna", "Straße", "No No", "12 Monkeys")
EDGES = (
    *(
        "<image>",
        "[gif] ",
        "~luna~: ",
        "🌙 luna - ",
        "STRASSE: ",
        "no: ",
        "12: ",
        "[12:31] ",
        "@luna ",
        "：",
        "—",
    ),
    *(
        "(end)\n",
        "--- end ---",
        "*end* ",
        '<delay minutes="5"/>',
        "&#x27;",
        "Ã",
        "\x85",
        "\u3000",
        "/no_think",
    ),
    *("```", "</", "]}", "{", "„", "“", "ന\u0d4d", "## User\n", "Now Max's turn.", "here's the reply:"),
)


@st.composite
def named_chats(draw: st.DrawFn) -> Chat:
    """Draw messages in which little means much, by people with odd names."""
    fragment = st.one_of(st.sampled_from([*PIECES, *EDGES, *PROMPT.split()]), st.text(max_size=3))
    part = st.lists(st.lists(fragment, max_size=6).map("".join), max_size=3)
    one = chat(*draw(st.lists(part, min_size=1, max_size=4)))
    named = {
        key: getattr(one.experience, key).model_copy(
            update={
                "name": draw(st.sampled_from(NAMES)),
                "username": draw(st.none() | st.sampled_from(NAMES)),
            }
        )
        for key in ("persona1", "persona2")
    }
    return one.model_copy(update={"experience": one.experience.model_copy(update=named)})


@settings(max_examples=400)
@given(named_chats(), st.sampled_from([1, 3, 8]))
def test_a_repair_that_a_chat_is_spared_would_change_nothing(messy: Chat, shingle_words: int) -> None:
    """By its marks, by ``may_apply`` or by ``finds``: a repair that is spared is never made."""
    said = ChatFeatures(messy, shingle_words)
    one, two = map(names_of, (messy.experience.persona1, messy.experience.persona2))
    writers = {sender: Writer(one | two, reader) for sender, reader in said.readers.items()}
    for repair in part_repairs(GRAMS):
        looks = not repair.marks.isdisjoint(said.marks) if repair.marks else True
        looks = looks and repair.may_apply(said) and repair.finds(said)
        for part in messy.chat_parts:
            marked = not repair.marks or any(mark in "\n".join(part.messages) for mark in repair.marks)
            if not (looks and marked):
                assert repair.apply(part.messages, writers[part.sender]) == part.messages, repair.name


def test_every_part_repair_has_its_switch() -> None:
    assert {repair.name for repair in part_repairs(GRAMS)} <= set(RepairsConfig.model_fields)


@pytest.mark.parametrize(
    "piece", ["<think>", "</think>", "{", '["', "\\", "<|", '"', "\u200d", "(end", "</", " ", "```"]
)
def test_hostile_messages_are_repaired_in_linear_time(piece: str) -> None:
    hostile = [piece * 20_000]
    for repair in part_repairs(GRAMS):
        repair.apply(hostile, Writer(frozenset({"luna", "max"}), NOBODY))


@pytest.mark.parametrize(
    "hostile",
    [
        "end" + " " * 100_000 + "x",
        "-" * 100_000 + "end" + "-" * 100_000 + "x",
        "—" * 100_000 + "end",
        "<<" + " " * 100_000 + "x",
        "<think>" * 100_000,
        "a" + "\n" * 100_000 + "turn",
    ],
    ids=["spaces", "dashes", "long dashes", "bracket", "thoughts", "lines"],
)
def test_a_long_run_of_one_thing_is_repaired_in_linear_time(hostile: str) -> None:
    """Small models fall into them; each of these once took minutes."""
    grams = index_prompts(["Now {{name}}'s turn."])
    for repair in part_repairs(grams):
        repair.apply([hostile], Writer())


def test_a_chat_that_does_not_come_to_rest_is_given_up() -> None:
    with pytest.raises(UnsettledError):
        repaired(["Luna: " * 50], ["ok"])
