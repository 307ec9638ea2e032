"""What to do about a figure that is not like people's: one sentence for each side."""

from __future__ import annotations

INSIDE = "Like people's: nothing to do."
ADVICE = {
    "words_p10": ("Give short messages a few more words.", "Let some messages be of one to three words."),
    "words_p50": ("Let messages say more.", "Write shorter messages: half of people's have under ten words."),
    "words_p90": ("Let one message in ten be long.", "Break long messages in two."),
    "words_spread": (
        "Mix one-word messages and long ones: all are of about one length.",
        "Write fewer very long messages among very short ones.",
    ),
    "one_word": ("Let people answer with one word now and then.", "Write fewer messages of one word."),
    "questions": ("Have people ask each other more.", "Ask less: not every message wants an answer."),
    "exclamations": (
        "Allow an exclamation mark now and then.",
        "Take exclamation marks out: people use few.",
    ),
    "full_stops": ("End some messages with a full stop.", "Leave the full stop off most messages."),
    "lower_case_starts": ("Begin some messages with a small letter.", "Begin more messages with a capital."),
    "ellipses": ("Let a thought trail off now and then.", "Take out dots that trail off."),
    "emoji": ("Allow an emoji now and then.", "Use fewer emoji: most messages of people have none."),
    "em_dashes": ("Allow a dash now and then.", "Take out the dashes: people hardly type one."),
    "first_person": ("Have people speak of themselves more.", "Have people speak of themselves less."),
    "begins_with_i": ('Let more messages begin with "I".', 'Begin fewer messages with "I".'),
    "commonest_opener": (
        "Let the commonest first word come more often.",
        "Vary the first word: too many messages begin alike.",
    ),
    "distinct_2": ("Repeat fewer pairs of words.", "Let people say usual things in the usual words."),
    "media": ("Send a picture or a voice message now and then.", "Send fewer pictures and voice messages."),
    "messages_per_turn": ("Let people send several messages in a row.", "Send fewer messages in a row."),
    "turns_of_several": (
        "Break a turn into two messages or more, in a third to two thirds of the turns.",
        "Let more turns be one message.",
    ),
    "quieter_side": ("Let the quieter one say more.", "Let one of the two say more than the other."),
    "messages_per_chat": ("Let chats go on longer.", "End chats earlier."),
    "opens_with_greeting": ("Begin some chats with a greeting.", "Begin without a greeting more often."),
    "ends_with_goodbye": ("End some chats with a goodbye.", "End more chats without a goodbye."),
    "ends_with_question": ("Leave a question open at the end now and then.", "Answer the last question."),
    "mtld": ("Use more different words.", "Use plainer words, and the same ones again."),
    "shared_4grams": (
        "Let usual phrases return in several chats.",
        "Vary the phrases: chats share too many runs of four words.",
    ),
    "reply_gap_seconds": ("Let people take longer to answer.", "Let people answer sooner."),
    "voices": (
        "Give the two of a chat ways of writing of their own.",
        "Make the two less of caricatures: people write more alike.",
    ),
    "nothing_new": ("Let people say a thing again now and then.", "Have each message bring something new."),
}
"""Of a value below people's range, and above it."""


def advice(name: str, side: str | None) -> str:
    """Return the sentence for the figure ``name`` whose value is on ``side`` of people's range."""
    below, above = ADVICE[name]
    return {"below": below, "above": above, None: INSIDE}[side]
