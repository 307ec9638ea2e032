"""soc_gen from Python: what the commands do, with objects or paths in and objects out."""

from soc_gen.api.files import clean, clean_files, export, push_to_hub
from soc_gen.api.records import (
    CleanedChats,
    Produced,
    Records,
    read_chats,
    read_experiences,
    read_personas,
    write_jsonl,
)
from soc_gen.api.runs import agenerate_experiences, arollout, generate_experiences, rollout
from soc_gen.export.writers import ExportResult

__all__ = [
    "CleanedChats",
    "ExportResult",
    "Produced",
    "Records",
    "agenerate_experiences",
    "arollout",
    "clean",
    "clean_files",
    "export",
    "generate_experiences",
    "push_to_hub",
    "read_chats",
    "read_experiences",
    "read_personas",
    "rollout",
    "write_jsonl",
]
