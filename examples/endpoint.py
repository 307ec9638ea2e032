"""Play a few shipped experiences against an endpoint of yours, and look at the chats.

    SOC_API_KEY=… python examples/endpoint.py http://localhost:8000/v1

The key is read from the environment and is stored nowhere.
"""

import asyncio
import sys

import rich

import soc_gen


async def main(url: str) -> soc_gen.Produced[soc_gen.Chat]:
    """Roll out three experiences, two at a time."""
    config = soc_gen.load_config(
        "qwen3-vllm", {"endpoint": {"base_urls": (url,), "concurrency": 2}, "rollout": {"max_turns": 8}}
    )
    experiences = soc_gen.read_experiences()[:3]
    # In a notebook, too: a cell may await. Elsewhere soc_gen.rollout does the same without await.
    chats = await soc_gen.arollout(experiences, config=config)
    for chat in chats:
        rich.print(chat)
    for failure in chats.failures:
        print(f"not finished: {failure.reason}: {failure.detail}")
    return chats


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
