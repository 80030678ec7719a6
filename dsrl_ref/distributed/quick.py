"""Questions that take milliseconds, asked without a task, of the workers that hold the groups.

A task costs the scheduler more than such an answer costs a worker. So the scheduler is asked who holds what at the
moment of the question, and these workers are asked at once. Whatever goes wrong on the way, as where a worker has just
died or has lost a group, is no answer, and the caller asks by tasks, which know what to do then. A worker answers in a
thread beside those of its tasks, so that it is heard of meanwhile.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from dsrl_ref.distributed import work

BETWEEN_LOOKS = 1.0  # seconds between two looks at who holds the groups
Held = dict[str, list[str]]  # by the address of a worker, keys of groups
Answer = tuple[str, Any]


async def answers(
    client: Any, keys: Sequence[str], question: Callable[..., Any], arguments: Any
) -> list[Answer] | None:
    """The answers of groups, in the order of their keys; None where one of them cannot be had so."""
    held = await client.run_on_scheduler(holders, keys)
    if held is None:
        return None
    asked = client.run(_answer, held, question, arguments, workers=list(held), on_error="return")
    replies = await _unless_moved(asked, client, keys, held)
    found: dict[str, Answer] = {}
    for reply in replies.values():
        if not isinstance(reply, dict):  # nobody, who has lost the group; or an error
            return None
        found |= reply
    return [found[key] for key in keys]


async def _unless_moved(asked: Awaitable[Any], client: Any, keys: Sequence[str], held: Held) -> dict[str, Any]:
    """What workers reply; what says nothing, where one of them does not have its groups any more.

    Who looks for a worker that has just died waits for it, which takes half a minute by default.
    """
    replies = asyncio.ensure_future(asked)
    try:
        while not (await asyncio.wait({replies}, timeout=BETWEEN_LOOKS))[0]:
            if await client.run_on_scheduler(holders, keys) != held:
                return {"": None}
        return dict(replies.result())
    finally:
        replies.cancel()


def holders(keys: Sequence[str], dask_scheduler: Any) -> Held | None:
    """Which worker is to answer for which of the groups; None where one of these is nowhere. Runs on the scheduler."""
    held: Held = {}
    for key in keys:
        task = dask_scheduler.tasks.get(key)
        workers = sorted(worker.address for worker in task.who_has or ()) if task is not None else []
        if not workers:
            return None
        held.setdefault(workers[0], []).append(key)
    return held


async def _answer(
    held: Held, question: Callable[..., Any], arguments: Sequence[Any], dask_worker: Any
) -> dict[str, Answer] | None:
    """The answers of the groups of this worker; None where it has not all of them. Runs on it."""
    data, keys = dask_worker.data, held[dask_worker.address]
    if not all(key in data for key in keys):
        return None
    groups = [(key, data[key]) for key in keys]

    def in_turn() -> dict[str, Answer]:
        return {key: work.answered(group, question, *arguments) for key, group in groups}

    return await asyncio.get_running_loop().run_in_executor(None, in_turn)
