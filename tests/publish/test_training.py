"""The proof that trainers take an export: TRL trains a tiny random Qwen3 on it, on the CPU.

Not part of the default run: it needs ``pip install 'soc-gen[train,test]'`` and two minutes. Run it with
``pytest -m training -s``.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from soc_gen.export.rows import Format
from soc_gen.export.writers import ExportPlan, export
from soc_gen.io.jsonl import read_jsonl
from soc_gen.models import Chat
from tests.support.publishing import chat, ignore, write_chats

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("default")]
STEPS = 40


def export_to(folder: Path, form: Format) -> Path:
    file = write_chats(folder.with_suffix(".chats"), [chat(number) for number in range(20)])
    export(lambda: read_jsonl(file, Chat), folder, ExportPlan(form=form, test_size=0.2), ignore)
    return folder


def tiny_qwen3(folder: Path, texts: list[str]) -> Path:
    """Write a random Qwen3 of 2 layers, a tokenizer learnt from ``texts``, and Qwen3's chat template."""
    import torch
    import trl
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=600, special_tokens=special, initial_alphabet=alphabet)
    bpe.train_from_iterator(texts, trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token=special[2], pad_token=special[0])
    template = Path(trl.__file__).parent / "chat_templates" / "qwen3.jinja"
    tokenizer.chat_template = template.read_text("utf-8")
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    size = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}
    size |= {"num_key_value_heads": 2, "head_dim": 16, "max_position_embeddings": 2048}
    ends = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
    Qwen3ForCausalLM(Qwen3Config(vocab_size=len(tokenizer), **size, **ends)).save_pretrained(folder)
    return folder


@pytest.fixture
def messages(tmp_path: Path) -> Path:
    return export_to(tmp_path / "messages", "messages")


@pytest.fixture
def model(tmp_path: Path, messages: Path) -> Path:
    return tiny_qwen3(tmp_path / "model", (messages / "train.jsonl").read_text().splitlines())


def test_sft_trainer_learns_and_labels_assistant_text_alone(
    model: Path, messages: Path, tmp_path: Path
) -> None:
    """The loss on the held-out chats falls, and the assistant's words, no others, are labelled."""
    import datasets
    from trl import SFTConfig, SFTTrainer

    files = {part: str(messages / f"{part}.jsonl") for part in ("train", "test")}
    data = datasets.load_dataset("json", data_files=files, cache_dir=str(tmp_path / "cache"))
    usual: dict[str, Any] = {"output_dir": str(tmp_path / "out"), "report_to": "none", "use_cpu": True}
    usual |= {"max_length": 1024, "per_device_train_batch_size": 4, "learning_rate": 3e-3, "max_steps": STEPS}
    config = SFTConfig(assistant_only_loss=True, logging_steps=5, save_strategy="no", bf16=False, **usual)
    trainer = SFTTrainer(str(model), args=config, train_dataset=data["train"], eval_dataset=data["test"])
    before = trainer.evaluate()["eval_loss"]
    trainer.train()
    after = trainer.evaluate()["eval_loss"]
    print(f"SFTTrainer, assistant only: eval loss {before:.3f} -> {after:.3f} in {STEPS} steps")  # noqa: T201
    assert after < 0.7 * before
    rows = [data["train"][number]["messages"] for number in range(4)]
    assert labelled(trainer, 4) == [
        [one["content"] for one in row if one["role"] == "assistant"] for row in rows
    ]


def labelled(trainer: Any, rows: int) -> list[list[str]]:
    """Return the stretches of text that each of the first rows is trained on, without their end token."""
    batch = trainer.data_collator([trainer.train_dataset[number] for number in range(rows)])
    found = []
    for tokens, labels in zip(batch["input_ids"].tolist(), batch["labels"].tolist(), strict=True):
        kept = [token if label != -100 else -1 for token, label in zip(tokens, labels, strict=True)]
        text = "".join("\0" if token == -1 else trainer.processing_class.decode([token]) for token in kept)
        stretches = [stretch for stretch in text.split("\0") if stretch.strip()]
        found.append(
            [stretch.split("</think>\n\n")[-1].strip().removesuffix("<|im_end|>") for stretch in stretches]
        )
    return found


@pytest.mark.parametrize("form", ["messages", "parquet", "chatml-text"])
def test_trl_sft_takes_the_folder(model: Path, tmp_path: Path, form: Format) -> None:
    """``trl sft --dataset_name FOLDER``, without a word about columns; its loss falls."""
    data = export_to(tmp_path / f"data-{form}", form)
    options: dict[str, object] = {
        "model_name_or_path": model,
        "dataset_name": data,
        "output_dir": tmp_path / "out",
    }
    options |= {"max_steps": STEPS, "logging_steps": 5, "learning_rate": 3e-3, "max_length": 1024}
    options |= {"per_device_train_batch_size": 4, "report_to": "none", "use_cpu": True, "save_steps": STEPS}
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    command = [str(Path(sys.executable).with_name("trl")), "sft", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stderr[-2000:]
    state = json.loads((tmp_path / "out" / f"checkpoint-{STEPS}" / "trainer_state.json").read_text())
    losses = [entry["loss"] for entry in state["log_history"] if "loss" in entry]
    print(f"trl sft, {form}: loss {losses[0]:.3f} -> {losses[-1]:.3f} in {STEPS} steps")  # noqa: T201
    assert losses[-1] < 0.7 * losses[0]
