"""What three trainers do with a row, in our words, so that an export can be held to it without them.

TRL (``SFTTrainer``): a ``messages`` column of ``role``/``content`` goes through the tokenizer's chat
template; those of Qwen and Llama print nothing for a role they do not know. LLaMA-Factory (``sharegpt``
converter): after a system message, turns at even positions must be the user's and at odd ones the
assistant's, an even number of them, else the row is skipped with a warning. axolotl (``chat_template``):
the columns and properties named in the config; roles ``human`` and ``gpt`` are known aliases; loss on
``roles_to_train``.
"""

from __future__ import annotations

from typing import Any

KNOWN = ("system", "user", "assistant")
AXOLOTL_ROLES = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "system": "system",
}


def qwen_template(messages: list[dict[str, str]]) -> str:
    """Render as Qwen's ChatML template does: unknown roles vanish."""
    return "".join(
        f"<|im_start|>{one['role']}\n{one['content']}<|im_end|>\n" for one in messages if one["role"] in KNOWN
    )


def trl_takes(row: dict[str, Any]) -> bool:
    """Nothing is lost in the template, and something is to be learnt from the row."""
    messages = row["messages"]
    told = all(one["content"] in qwen_template(messages) for one in messages)
    return told and all(one["role"] in KNOWN for one in messages) and messages[-1]["role"] == "assistant"


def llama_factory_takes(row: dict[str, Any], entry: dict[str, Any]) -> bool:
    """The row is not skipped by the converter that ``dataset_info.json`` asks for."""
    tags = entry["tags"]
    turns = list(row[entry["columns"]["messages"]])
    if turns and turns[0][tags["role_tag"]] == tags["system_tag"]:
        turns = turns[1:]
    wanted = (tags["user_tag"], tags["assistant_tag"])
    in_order = all(turn[tags["role_tag"]] == wanted[i % 2] for i, turn in enumerate(turns))
    return (
        bool(turns) and in_order and len(turns) % 2 == 0 and all(turn[tags["content_tag"]] for turn in turns)
    )


def axolotl_takes(row: dict[str, Any], entry: dict[str, Any]) -> bool:
    """Every message has the mapped properties and a role it knows, and a trained role is among them."""
    names = entry["message_property_mappings"]
    roles = [AXOLOTL_ROLES.get(one[names["role"]]) for one in row[entry["field_messages"]]]
    said = all(one[names["content"]] for one in row[entry["field_messages"]])
    return said and None not in roles and bool(set(roles) & set(entry["roles_to_train"]))
