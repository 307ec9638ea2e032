"""What LLaMA-Factory, axolotl and TRL are told of a mix."""

from __future__ import annotations

from typing import Any

import orjson

from soc_gen.export.writers import axolotl_entry, llama_factory_entry

_MODELS = "# For Qwen3 put Qwen/Qwen3-8B (or another size) in the place of google/gemma-3-12b-it.\n"
_MODEL = "google/gemma-3-12b-it"


def trainer_files(names: dict[str, str]) -> dict[str, str]:
    """Return the text of each file.

    Args:
        names: The file of ``train`` and of ``test``.
    """
    form = "parquet" if names["train"].endswith(".parquet") else "jsonl"
    shape = {"parquet": "parquet", "jsonl": "messages"}[form]
    factory = {f"mix_{split}": llama_factory_entry(name, "messages") for split, name in names.items()}
    as_form: Any = shape
    axolotl = {
        "base_model": _MODEL,
        "datasets": [axolotl_entry(names["train"], as_form)],
        "test_datasets": [axolotl_entry(names["test"], as_form)],
        **_axolotl(),
    }
    return {
        "dataset_info.json": orjson.dumps(factory, option=orjson.OPT_INDENT_2).decode() + "\n",
        "axolotl.yaml": _MODELS + _yaml(axolotl),
        "trl.yaml": "# trl sft --config trl.yaml\n" + _MODELS + _yaml(_trl(names)),
    }


def _axolotl() -> dict[str, Any]:
    return {
        "adapter": "qlora",
        "load_in_4bit": True,
        "lora_r": 32,
        "lora_alpha": 64,
        "lora_target_linear": True,
        "sequence_len": 4096,
        "sample_packing": True,
        "micro_batch_size": 1,
        "gradient_accumulation_steps": 16,
        "num_epochs": 1,
        "learning_rate": 0.0001,
        "lr_scheduler": "cosine",
        "optimizer": "adamw_torch_fused",
        "bf16": True,
        "output_dir": "out",
    }


def _trl(names: dict[str, str]) -> dict[str, Any]:
    kind = "parquet" if names["train"].endswith(".parquet") else "json"
    return {
        "model_name_or_path": _MODEL,
        "datasets": [{"path": kind, "data_files": names["train"], "split": "train", "columns": ["messages"]}],
        "use_peft": True,
        "lora_r": 32,
        "lora_alpha": 64,
        "max_length": 4096,
        "packing": True,
        "per_device_train_batch_size": 1,
        "gradient_accumulation_steps": 16,
        "num_train_epochs": 1,
        "learning_rate": 0.0001,
        "lr_scheduler_type": "cosine",
        "bf16": True,
        "output_dir": "out",
    }


def _yaml(value: dict[str, Any]) -> str:
    import yaml  # noqa: PLC0415

    return str(yaml.safe_dump(value, sort_keys=False))
