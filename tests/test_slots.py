"""Slots: a counter of free places, whose holders may step aside."""

from __future__ import annotations

import asyncio

from soc_gen.engine.concurrency import OPEN, Slots


def test_no_more_are_held_than_there_are() -> None:
    """Forty want one of three; never more than three have one, and all get theirs."""

    async def main() -> tuple[int, int]:
        slots, most, served = Slots(3), 0, 0

        async def one(order: int) -> None:
            nonlocal most, served
            await slots.acquire(order)
            most = max(most, slots.used)
            await asyncio.sleep(0)
            served += 1
            slots.release()

        await asyncio.gather(*(one(order) for order in range(40)))
        return most, served

    assert asyncio.run(main()) == (3, 40)


def test_a_conversation_that_has_begun_goes_before_a_new_one() -> None:
    """And of those that have begun, the earlier in the input goes first."""

    async def main() -> list[str]:
        slots, order = Slots(1), []

        async def one(name: str, place: int, rank: int) -> None:
            await slots.acquire(place, rank)
            order.append(name)
            slots.release()

        await slots.acquire(0)
        waiting = [
            asyncio.create_task(one("new", 1, 1)),
            asyncio.create_task(one("begun, later", 9, OPEN)),
            asyncio.create_task(one("begun", 5, OPEN)),
        ]
        await asyncio.sleep(0)
        slots.release()
        await asyncio.gather(*waiting)
        return order

    assert asyncio.run(main()) == ["begun", "begun, later", "new"]


def test_a_waiting_conversation_lends_its_slot() -> None:
    """While it waits another runs; it gets a slot again before a new one does."""

    async def main() -> list[str]:
        slots, seen = Slots(1), []
        go = asyncio.Event()

        async def waits() -> None:
            await slots.acquire(0)
            async with slots.temporarily_released(0):
                await go.wait()
            seen.append("first again")
            slots.release()

        async def other(order: int) -> None:
            await slots.acquire(order)
            seen.append(f"other {order}")
            go.set()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            slots.release()

        await asyncio.gather(waits(), other(1), other(2))
        return seen

    assert asyncio.run(main()) == ["other 1", "first again", "other 2"]


def test_a_bad_hour_opens_no_conversations_without_end() -> None:
    """Where every slot is lent, as many again begin, and no more."""

    async def main() -> int:
        slots, begun = Slots(4), 0
        end = asyncio.Event()

        async def one(order: int) -> None:
            nonlocal begun
            await slots.acquire(order)
            begun += 1
            async with slots.temporarily_released(order):
                await end.wait()
            slots.release()

        tasks = [asyncio.create_task(one(order)) for order in range(100)]
        for _ in range(50):
            await asyncio.sleep(0)
        found = begun
        end.set()
        await asyncio.gather(*tasks)
        assert slots.used == 0
        return found

    assert asyncio.run(main()) == 8


def test_fewer_slots_are_given_up_between_turns() -> None:
    """Cut from four to two, those over the limit step back when they next ask."""

    async def main() -> int:
        slots = Slots(4)
        for order in range(4):
            await slots.acquire(order)
        slots.resize(2)
        assert slots.used == 4
        back = [asyncio.create_task(slots.yield_if_over(order)) for order in range(4)]
        for _ in range(5):
            await asyncio.sleep(0)
        used = slots.used
        slots.resize(4)
        await asyncio.gather(*back)
        return used

    assert asyncio.run(main()) == 2


def test_a_cancelled_wait_leaves_the_count_right() -> None:
    """Cancelled while queueing, while being granted, and while a lent slot is away."""

    async def main() -> int:
        slots = Slots(1)
        await slots.acquire(0)

        async def holder(order: int) -> None:
            await slots.acquire(order)
            try:
                async with slots.temporarily_released(order):
                    await asyncio.sleep(3600)
            finally:
                slots.release()

        queueing = asyncio.create_task(slots.acquire(1))
        await asyncio.sleep(0)
        queueing.cancel()
        granted = asyncio.create_task(slots.acquire(2))
        await asyncio.sleep(0)
        slots.release()
        granted.cancel()
        lent = asyncio.create_task(holder(3))
        for _ in range(5):
            await asyncio.sleep(0)
        await slots.acquire(4)  # so that what was lent cannot come back
        lent.cancel()
        for _ in range(3):
            await asyncio.sleep(0)
        lent.cancel()
        await asyncio.gather(queueing, granted, lent, return_exceptions=True)
        slots.release()
        return slots.used

    assert asyncio.run(main()) == 0
