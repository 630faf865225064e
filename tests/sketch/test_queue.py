from __future__ import annotations

import asyncio

from pytest_comfygen.sketch.queue import Item, PromptQueue


def item(prompt_id: str, number: float = 0) -> Item:
    return Item(number, prompt_id, {}, {}, [])


def finished(queue: PromptQueue, *prompt_ids: str) -> None:
    async def run_all() -> None:
        for prompt_id in prompt_ids:
            queue.put(item(prompt_id))
            await queue.take()
            queue.finish({"outputs": prompt_id})

    asyncio.run(run_all())


def test_prompts_run_by_number_then_by_id() -> None:
    async def order() -> list[str]:
        queue = PromptQueue(lambda: None)
        for waiting in (item("c", 1), item("b", 1), item("z", -2), item("a", 3)):
            queue.put(waiting)
        return [(await queue.take()).prompt_id for _ in range(4)]

    assert asyncio.run(order()) == ["z", "b", "c", "a"]


def test_one_id_may_wait_twice() -> None:
    queue = PromptQueue(lambda: None)
    queue.put(Item(0, "same", {"1": {"class_type": "A"}}, {}, []))
    queue.put(Item(0, "same", {"1": {"class_type": "B"}}, {}, []))
    assert queue.remaining == 2


def test_taking_waits_for_a_prompt() -> None:
    async def taken() -> str:
        queue = PromptQueue(lambda: None)
        taking = asyncio.create_task(queue.take())
        await asyncio.sleep(0)
        assert not taking.done()
        queue.put(item("late"))
        return (await taking).prompt_id

    assert asyncio.run(taken()) == "late"


def test_only_waiting_prompts_can_be_deleted() -> None:
    async def left() -> tuple[list[str], str]:
        queue = PromptQueue(lambda: None)
        for prompt_id in ("a", "b", "c"):
            queue.put(item(prompt_id))
        running = await queue.take()
        queue.delete(["a", "b", "unknown"])
        return [waiting.prompt_id for waiting in queue.pending], running.prompt_id

    assert asyncio.run(left()) == (["c"], "a")


def test_changes_are_told_and_nothing_else() -> None:
    told: list[int] = []
    queue = PromptQueue(lambda: told.append(queue.remaining))
    queue.put(item("a"))
    queue.put(item("b"))
    queue.delete(["unknown"])
    queue.delete(["a"])
    queue.clear()
    queue.clear()
    assert told == [1, 2, 1, 0]


def test_the_history_gives_the_last_ones_or_a_page() -> None:
    queue = PromptQueue(lambda: None)
    finished(queue, "a", "b", "c", "d")
    pages = {
        (None, -1): ["a", "b", "c", "d"],
        (None, 1): ["b", "c", "d"],
        (2, -1): ["c", "d"],
        (9, -1): ["a", "b", "c", "d"],
        (0, -1): [],
        (-1, -1): [],
        (2, 1): ["b", "c"],
        (2, 9): [],
    }
    assert {page: list(queue.history(*page)) for page in pages} == pages


def test_the_history_forgets_the_oldest_beyond_its_limit() -> None:
    queue = PromptQueue(lambda: None, history_limit=2)
    finished(queue, "a", "b", "c")
    assert list(queue.history()) == ["b", "c"]


def test_the_history_forgets_what_it_is_told_to() -> None:
    queue = PromptQueue(lambda: None)
    finished(queue, "a", "b", "c")
    queue.forget(["a", "unknown"])
    assert list(queue.history()) == ["b", "c"]
    queue.forget_all()
    assert queue.history() == {}
