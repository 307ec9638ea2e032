"""The JSON body of a request, in the form that one endpoint takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from soc_gen.llm.faults import RequestRejectedError
from soc_gen.llm.refusals import RESPONSE_FORMAT
from soc_gen.log import log

if TYPE_CHECKING:
    from collections.abc import Sequence

    from soc_gen.llm.types import PromptMessage, Request
    from soc_gen.settings import Endpoint

ResponseFormat = Literal["json_schema", "json_object", "text"]
_WEAKER: dict[ResponseFormat, ResponseFormat] = {"json_schema": "json_object", "json_object": "text"}


@dataclass
class Capabilities:
    """What the endpoint was found to take; shared by all replicas, decided once for a run."""

    response_format: ResponseFormat = "json_schema"
    format_is_innocent: bool = False
    """A request was refused with a response format and without it, for the same reason."""
    context: int | None = None
    """Tokens of prompt and reply together, where the endpoint tells."""
    renamed: dict[str, str] = field(default_factory=dict)
    """Fields that are sent under another name, or not at all where that is ""."""
    system_role: Literal["system", "user"] = "system"
    """Who is said to speak the instructions."""

    @classmethod
    def of(cls, config: Endpoint) -> Capabilities:
        """Return what the settings say of an endpoint."""
        renamed = dict.fromkeys(config.omit, "")
        if config.max_tokens_field != "max_tokens":
            renamed = {"max_tokens": config.max_tokens_field} | renamed
        plain = RESPONSE_FORMAT in config.omit
        return cls(
            response_format="text" if plain else "json_schema",
            renamed={name: new for name, new in renamed.items() if name != RESPONSE_FORMAT},
            system_role=config.system_role,
        )

    def downgrade(self, refused: ResponseFormat, to: ResponseFormat | None = None) -> None:
        """Fall back to a weaker response format, unless another request has already done so.

        Args:
            refused: What the endpoint did not take.
            to: What to take instead; the next weaker one when not given.

        Raises:
            RequestRejectedError: There is nothing weaker than plain text.
        """
        if refused != self.response_format:
            return
        if refused not in _WEAKER:
            raise RequestRejectedError("the endpoint takes no response_format at all")
        self.response_format = to or _WEAKER[refused]
        log.warning(
            "The endpoint takes no response_format %s; %s has to do for this run.",
            refused,
            self.response_format,
        )

    def drop(self, name: str, instead: str) -> None:
        """Send a field under another name from now on, or leave it out where ``instead`` is ""."""
        original = next((old for old, new in self.renamed.items() if new == name), name)
        if self.renamed.get(original) in {instead, ""}:
            return
        self.renamed[original] = instead
        then = f"it is sent as {instead}" if instead else "it is left out"
        log.warning("The endpoint does not take %s; %s for this run.", original, then)


def wire_body(
    request: Request,
    model: str,
    response_format: ResponseFormat,
    renamed: Mapping[str, str] | None = None,
    system_role: str = "system",
) -> dict[str, Any]:
    """Return the JSON body for ``request``; the same request always gives the same bytes.

    Args:
        request: What is asked.
        model: Name that the server knows the model by.
        response_format: The strongest one that the server takes.
        renamed: Other names of fields, "" for those that are left out.
        system_role: ``user`` for servers and templates that know no system role.
    """
    sampling = request.sampling
    body: dict[str, Any] = {
        "model": model,
        "messages": request.messages if system_role == "system" else fold_system(request.messages),
        "max_tokens": sampling.max_tokens,
        "seed": request.seed,
    }
    for name in ("temperature", "top_p", "top_k", "min_p", "presence_penalty"):
        value = getattr(sampling, name)
        if value is not None:
            body[name] = value
    if request.stop:
        body["stop"] = list(request.stop)
    if request.continue_final:
        body |= {"continue_final_message": True, "add_generation_prompt": False}
    if request.schema and response_format != "text":
        body[RESPONSE_FORMAT] = _response_format(request.schema, response_format)
    body |= sampling.extra_body
    for name, new in (renamed or {}).items():
        if name in body:
            value = body.pop(name)
            body |= {new: value} if new else {}
    return body


def fold_system(messages: Sequence[PromptMessage]) -> tuple[PromptMessage, ...]:
    """Return ``messages`` without a system role: its text opens the user's message that follows."""
    folded: list[PromptMessage] = []
    for message in messages:
        role = "user" if message["role"] == "system" else message["role"]
        if folded and folded[-1]["role"] == role == "user":
            content = f"{folded[-1]['content']}\n\n{message['content']}"
            folded[-1] = {"role": role, "content": content}
        else:
            folded.append({"role": role, "content": message["content"]})
    return tuple(folded)


def _response_format(schema: dict[str, Any], response_format: ResponseFormat) -> dict[str, Any]:
    if response_format == "json_object":
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": {"name": "reply", "schema": schema, "strict": True}}
