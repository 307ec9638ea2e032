"""``soc serve``: the embedded model on its own, for any OpenAI client."""

from __future__ import annotations

import threading

import typer

from soc_gen.cli.bars import download_progress
from soc_gen.cli.console import out, tell


def serve(
    embedded_model: str | None = typer.Option(
        None,
        help="A name (qwen2.5-1.5b, smollm2-135m, qwen3-0.6b, qwen3-4b), a .gguf file, or a Hub repo: "
        "USER/NAME or USER/NAME:FILE.gguf. The best one for this machine when not given.",
    ),
    port: int = typer.Option(0, min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one."),
    slots: int = typer.Option(4, min=1, max=64, help="Conversations answered at once, 4096 tokens each."),
) -> None:
    """Run the embedded model as an OpenAI-compatible server on this machine, until Ctrl-C.

    Prints the base URL on stdout, everything else on stderr. The first run downloads the weights.

    For example:

      soc serve

      soc serve --embedded-model smollm2-135m --port 8080

      SOC_BASE_URL=http://127.0.0.1:8080/v1 soc rollout data/experiences.jsonl
    """
    from soc_gen.llm.embedded.server import embedded_server, need_engine
    from soc_gen.llm.embedded.weights import resolve_weights

    need_engine()
    with download_progress() as progress:
        weights = resolve_weights(embedded_model, progress=progress)
    try:
        tell(f"Loading {weights.stem} …")
        with embedded_server(weights, slots, port=port) as url:
            out.print(url)
            tell(f"{weights.stem} answers at {url}, {slots} at a time, no key needed. Ctrl-C ends it.")
            tell(f"Use it with: soc rollout data/experiences.jsonl --base-url {url}")
            threading.Event().wait()
    except KeyboardInterrupt:
        tell("Stopped.")
