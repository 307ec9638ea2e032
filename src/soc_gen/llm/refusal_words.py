"""The words by which kinds of refusals are told. Hosts agree on no sentence, but on what they speak of.

A kind is told by words that nobody else uses (``sure``), or by words for each part of what is said
(``together``): that a *prompt* is *too long* in *tokens*, say. A host that says it in another sentence is
told all the same; one that has another word needs that word here, in its group.
"""

from __future__ import annotations

import re
from typing import NamedTuple


def _either(words: str) -> re.Pattern[str]:
    """Return a pattern for any of ``words``, one a line or apart by two spaces; each is a pattern."""
    return re.compile("|".join(re.split(r"\s{2,}", words.strip())), re.IGNORECASE)


class Words(NamedTuple):
    """How one kind of refusal is told from its text."""

    sure: re.Pattern[str]
    """One match is enough."""
    together: tuple[re.Pattern[str], ...] = ()
    """Otherwise each of these has to match."""
    unless: re.Pattern[str] | None = None
    """But if this matches, ``together`` says nothing."""

    def are_in(self, text: str) -> bool:
        """Whether ``text`` is of this kind."""
        if self.sure.search(text):
            return True
        if not self.together or (self.unless and self.unless.search(text)):
            return False
        return all(group.search(text) for group in self.together)


FLAGGED = Words(
    sure=_either(
        r"flagged  moderation  guardrail  llama[ _-]?guard"
        r"  content[ _-]?(filter|polic|management|inspection)"
        r"  data_inspection  usage (guideline|polic)  content exists risk  high risk  responsible_?ai"
        r"  safety[ _](check|polic|system|filter|setting|guideline)  prohibited[ _]content  censored  nsfw"
    ),
    together=(
        _either(r"prompt  input  content  message  text  words?\b  query  question  conversation"),
        _either(
            r"inappropriate  harmful  unsafe  toxic  offensive  hate  hateful  violen(t|ce)  violat\w+"
            r"  sexual  explicit  self-?harm  harass\w*  sensitive"
            r"  prohibited  disallowed  blocked  illegal content"
            r"  违规  敏感  不当"
        ),
    ),
    unless=_either(r"api[ _-]?key  ip address  country  region  firewall  rate limit"),
)
"""A filter does not want the prompt."""

_REPLY_LENGTH = r"max_(completion_|output_|new_)?tokens"
CONTEXT = Words(
    sure=_either(
        r"context[ _-]?(length|size|window|limit)  exceed_context  contextwindow  max_(seq_len|model_len)"
        r"  \bn_ctx\b  range of input length  request too large"
    ),
    together=(
        _either(
            r"prompts?\b  inputs?\b  input_tokens  context  sequences?\b  conversation  messages?\b"
            r"  requests?\b  requested  model  tokens?\b  text\b  输入"
            r"  上下文  提示  longueur  eingabe  contexto  entrada"
        ),
        _either(
            r"too (long|large|many|big)  exceed\w*  (long|larg|great|bigg)er than  more than  over the"
            r"  larger  at most  up to  maximum  maximal\w*  \bmax\b  limit\w*  <=  >=? ?\d  less than"
            r"  fewer than  reduce  (does|do|did|will) ?n[o']t fit  cannot (fit|exceed)  过长  超长"
            r"  超过  超出"
            r"  dépass\w*  überschr\w+  excede"
        ),
        _either(
            r"tokens?\b  input_tokens  length  \blong\b  longer  size\b  characters  长度  过长  超长"
            r"  longueur  longitud  länge"
        ),
    ),
    unless=re.compile(
        # Only the reply is spoken of, or one of its settings.
        rf"\A(?=.*{_REPLY_LENGTH})(?!.*(prompt|inputs?\b|input_tokens|message|context|requested|sequence))"
        r"|\b(stop|logprobs|top_\w+|temperature|logit_bias)\b|per[ _-]?(min|day|sec|hour)|quota|rate limit",
        re.IGNORECASE | re.DOTALL,
    ),
)
"""The prompt, or prompt and reply together, are too long."""

GENERATION = Words(
    sure=_either(
        r"failed_generation  generation_error  json_validate_failed  json_parse\w*  tool_use_failed"
        r"  tool_call_\w*fail\w*  incomplete_json_output"
        r"  (produced|generated|returned) (an )?invalid content"
    ),
    together=(
        _either(r"\bmodel\b  generat\w+  \boutput\b  completion  tool call  function"),
        _either(
            r"fail\w*  invalid  malformed  incomplete  unparsable  not valid  unable  could not  cannot"
            r"  (does|did|do) ?n[o']t (match|conform|validate|follow|satisfy)"
        ),
        _either(r"\bjson\b  schema  grammar  function  tool\b  parse"),
    ),
    unless=_either(r"response_format  support  available  implement  json payload  request body  load"),
)
"""What the model wrote was thrown away by the server."""

SCHEMA = Words(
    sure=_either(
        r"response_format  json_schema  json_object  json schema  guided  structured[ _-]?output  grammar"
        r"  invalid format  requested parameters"
    )
)
"""The server cannot hold a reply to a schema."""

NO_MONEY = Words(
    sure=_either(
        r"insufficient[ _](quota|balance|fund|credit)\w*  billing  recharge  payment  arrears  overdue"
        r"  suspended"
        r"  (out of|no|not enough|insufficient|\b0) credits?  余额  欠费  spend(ing)? (cap|limit)  trial key"
    ),
    together=(
        _either(r"quota  credits?\b  balance  budget  allowance"),
        _either(r"exceed\w*  exhaust\w*  too low  used up  reached  depleted  spent  empty"),
    ),
)
"""The account is used up."""
DAY = Words(
    sure=_either(
        r"(per|/|an?|each)[ _-]*(day|week|month)  \b(daily|weekly|monthly)\b  \((tpd|rpd)\)  \b[rt]pd\b"
        r"  PerDay  24 ?h(ours)?\b"
    )
)
"""The limit is for a day or longer."""
MINUTE = Words(
    sure=_either(
        r"(per|/|a)[ _-]*(min|sec|hour|\d+ ?(s|sec|min))  \b[rt]p[ms]\b  PerMinute  PerSecond  concurren\w+"
    )
)
"""The limit is for a short time, or for requests at once."""

PASSING = Words(
    sure=_either(
        r"provider returned error  upstream  unloaded  crash\w*  try again  \bretry\b  temporar\w+"
        r"  overload\w*  timed? ?out  \bbusy\b  \bloading\b  warming up  starting up  restart\w*"
        r"  capacity  unreachable"
        r"  unavailable  not ready  connection .{0,30}(error|reset|refused|closed|lost)"
    )
)
"""It may pass, with whatever status."""
