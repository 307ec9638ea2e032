"""Which conversations belong together: union-find over numbers."""

from __future__ import annotations

from array import array


class Unions:
    """Sets of the numbers from 0 to ``count`` - 1, each by itself at first."""

    def __init__(self, count: int) -> None:
        self._parents = array("q", range(count))

    def find(self, number: int) -> int:
        """Return the smallest number of the set that ``number`` is in."""
        parents = self._parents
        root = number
        while parents[root] != root:
            root = parents[root]
        while parents[number] != root:
            parents[number], number = root, parents[number]
        return root

    def join(self, one: int, two: int) -> None:
        """Make one set of the sets of two numbers."""
        first, second = sorted((self.find(one), self.find(two)))
        self._parents[second] = first
