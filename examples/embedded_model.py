"""Two conversations with the small model that comes with soc_gen: no key, no GPU.

    python examples/embedded_model.py

The first run fetches 1.1 GB of weights. Run it again: what was made is read from the folder, not asked again.
"""

import rich

import soc_gen


def main(folder: str = "data/example", count: int = 2) -> soc_gen.CleanedChats:
    """Make ``count`` experiences, play them, and keep the chats that are good enough."""
    experiences = soc_gen.generate_experiences(count=count, out=f"{folder}/experiences.jsonl")
    chats = soc_gen.rollout(experiences, out=f"{folder}/chats.jsonl")
    cleaned = soc_gen.clean(chats)
    for chat in cleaned:
        rich.print(chat)
    print(f"{len(cleaned)} kept, {len(cleaned.rejections)} rejected, {len(chats.failures)} failed")
    return cleaned


if __name__ == "__main__":
    main()
