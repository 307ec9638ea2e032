"""Clean a list of chats and write rows that a trainer takes.

python examples/clean_and_export.py data/chats.jsonl data/export
"""

import sys
from collections import Counter

import soc_gen


def main(source: str, folder: str) -> dict[str, int]:
    """Return the rows of each file."""
    unreadable: list[soc_gen.BadLine] = []
    chats = soc_gen.read_chats(source, bad_lines=unreadable)
    cleaned = soc_gen.clean(chats)
    reasons = Counter(rejection.reason for rejection in cleaned.rejections)
    print(f"{len(chats)} read, {len(unreadable)} lines were no chats, {len(cleaned)} kept")
    print(f"rejected: {dict(reasons)}")
    exported = soc_gen.export(cleaned, folder, form="messages", tags="verbalize", test_size=0.25)
    print(exported.files)
    return exported.files


if __name__ == "__main__":
    main(*sys.argv[1:])
