"""What is asked without a task has the answers that tasks have, and is no answer where anything went wrong."""

import asyncio
import threading
from types import SimpleNamespace

import clusters
import numpy as np
import pytest

from dsrl_ref import Fidelity, Objective, Theta
from dsrl_ref.distributed import problem, quick, work

THETA, L = Theta(1.0, 0.875, 0.25, 0.75), 1.375


class Worker(SimpleNamespace):
    __hash__ = object.__hash__


def test_every_group_is_asked_of_one_worker_that_has_it_and_of_none_if_one_is_nowhere():
    def scheduler(**tasks):
        return SimpleNamespace(
            tasks={key: SimpleNamespace(who_has=[Worker(address=each) for each in who]) for key, who in tasks.items()}
        )

    everywhere = scheduler(a=["y", "x"], b=["y"], c=["x"])
    assert quick.holders(["a", "b", "c"], everywhere) == {"x": ["a", "c"], "y": ["b"]}
    assert quick.holders(["b", "lost"], everywhere) is None
    assert quick.holders(["b", "a"], scheduler(a=[], b=["x"])) is None


def test_a_worker_that_has_lost_a_group_does_not_answer():
    worker = SimpleNamespace(address="x", data={"a": 1, "c": 3})
    told = [asyncio.run(quick._answer({"x": keys}, work.itself, (), worker)) for keys in (["a", "c"], ["a", "b"])]
    assert told == [{"a": ("", 1), "c": ("", 3)}, None]


def test_a_worker_answers_in_a_thread_so_that_it_is_heard_of_meanwhile():
    worker = SimpleNamespace(address="x", data={"a": 1})
    told = asyncio.run(quick._answer({"x": ["a"]}, lambda _: threading.get_ident(), (), worker))
    assert told["a"][1] != threading.get_ident()


class Client:
    """One whose workers never reply, and whose groups have moved at the second look."""

    looks, given_up = 0, False

    async def run_on_scheduler(self, function, keys):
        self.looks += 1
        assert self.looks < 5, "it is waited for"
        return {"x": ["a"]} if self.looks == 1 else {"y": ["a"]}

    async def run(self, *_, **__):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.given_up = True
            raise


def test_who_has_left_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(quick, "BETWEEN_LOOKS", 0.0)
    client = Client()

    async def asked():
        found = await quick.answers(client, ["a"], work.itself, ())
        await asyncio.sleep(0)  # so that who is given up hears of it
        return found, client.given_up

    assert asyncio.run(asked()) == (None, True)


class Replying:
    """One whose workers, "x" and "y", reply at once."""

    def __init__(self, *replies):
        self.replies = replies

    async def run_on_scheduler(self, function, keys):
        return {"x": ["a"], "y": ["b"]}

    async def run(self, *_, **__):
        return dict(zip("xy", self.replies, strict=True))


@pytest.mark.parametrize(
    ("replies", "answers"),
    [
        (({"a": 1}, {"b": 2}), [2, 1]),
        (({"a": 1}, None), None),
        ((OSError("gone"), {"b": 2}), None),
    ],
)
def test_replies_of_all_workers_are_put_in_order_and_one_that_fails_is_no_answer(replies, answers):
    assert asyncio.run(quick.answers(Replying(*replies), ["b", "a"], work.itself, ())) == answers


@pytest.mark.children
def test_workers_answer_as_tasks_do(client, monkeypatch):
    da = pytest.importorskip("dask.array", reason="the extra distributed brings dask")
    monkeypatch.setattr(problem, "BLOCK", 40)
    J = Objective(Fidelity(da.from_array(np.arange(400.0).reshape(40, 10))), layers=2, method="pieces")
    place, states = J.problem.place, J.problem.prepared.states
    quickly, by_tasks = (ask(states, work.ties, THETA, L) for ask in (place.ask_quickly, place.ask))
    assert len(states) == 2
    assert quickly == by_tasks
    assert place.ask_quickly(states, clusters.fails) is None
    with pytest.raises(ZeroDivisionError, match="division by zero"):
        J.problem.prepared.ask_quickly(clusters.fails)
    clusters.forgotten(client, states)
    assert place.ask_quickly(states, work.present) is None
