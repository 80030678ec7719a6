"""What is asked of groups: answers in their order, groups made again where they were lost, and that said once."""

import re
import threading
import warnings

import numpy as np
import pytest

from dsrl_ref import Fidelity, Objective, Theta
from dsrl_ref.distributed import prepared as module
from dsrl_ref.distributed.cluster import LostError
from dsrl_ref.engines import pieces, support
from dsrl_ref.engines.problem import Problem
from dsrl_ref.errors import ClusterError, ClusterWarning, DivergenceError
from dsrl_ref.progress import reported

THETA = Theta(1.0, 0.875, 0.25, 0.75)


class Place:
    """Groups that are what their recipe says, and a list of what goes wrong at each question."""

    def __init__(self, *troubles):
        self.troubles, self.made, self.quick = list(troubles), 0, False

    def prepare(self, recipes, own):
        assert own == 0
        self.made += 1
        return [(f"{recipe} {self.made}", recipe) for recipe in recipes]

    def ask_quickly(self, states, question, *arguments):
        return self.ask(states, question, *arguments) if self.quick else None

    def ask(self, states, question, *arguments, tell=None):
        if tell is not None:
            tell(len(states) // 2)
        trouble = self.troubles.pop(0) if self.troubles else None
        if isinstance(trouble, Exception):
            raise trouble
        return [
            (name if place != trouble else name + " again", question(recipe, *arguments))
            for place, (name, recipe) in enumerate(states)
        ]


def prepared(*troubles, recipes=lambda: ["a", "b"]):
    W = np.ones((2, 2))
    return module.Prepared(Problem(Fidelity(W), W, W, 1), pieces.ENGINE, recipes, Place(*troubles))


def question(recipe, *arguments):
    return recipe, *arguments


def test_how_many_shares_are_prepared_is_told():
    heard = []
    with reported(None, lambda text, share, left: heard.append((text, share))):
        prepared()
    assert heard == [("preparing on the workers: 1 of 2 shares", 0.5)]


@pytest.mark.parametrize("quick", [False, True])
def test_what_cannot_be_had_quickly_is_had_by_tasks(quick):
    of = prepared(None, LostError())
    of.place.quick = quick
    with pytest.warns(ClusterWarning, match="lost 2 of 2"):
        assert of.ask_quickly(question, 1) == [("a", 1), ("b", 1)]


def test_answers_come_in_the_order_of_the_groups():
    of = prepared()
    assert of.ask(question, 1) == [("a", 1), ("b", 1)]
    assert of.place.made == 1


def test_groups_that_were_lost_are_made_again_and_it_is_said_once():
    of = prepared(None, LostError())
    with pytest.warns(ClusterWarning, match="lost 2 of 2 shares .*: the numbers are the same") as said:
        assert of.ask(question) == [("a",), ("b",)]
    assert len(said) == 1
    assert of.place.made == 2
    assert of.ask(question) == [("a",), ("b",)]


def test_a_group_that_the_cluster_made_again_is_told_by_its_name():
    of = prepared(None, 1, 1)
    with pytest.warns(ClusterWarning, match="lost 1 of 2 shares"):
        of.ask(question)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        of.ask(question)
    assert of.place.made == 1


def test_the_warning_is_about_the_line_of_the_caller(monkeypatch):
    monkeypatch.setattr(module.work, "sums", lambda *_: np.zeros((1, 6)))
    J = Objective(Fidelity(np.ones((2, 2))), layers=1)
    J._prepared = prepared(None, 0)
    with pytest.warns(ClusterWarning) as said:
        J(THETA, 1.0)
    assert said[0].filename == __file__


def test_what_is_forgotten_again_and_again_is_given_up():
    of = prepared(None, *[LostError()] * 3)
    with pytest.raises(ClusterError, match="forgotten what was prepared 3 times during one evaluation"):
        of.ask(question)


def test_an_error_of_the_cluster_is_told_and_groups_are_made_anew_afterwards():
    of = prepared(None, ClusterError("gone"))
    with pytest.raises(ClusterError, match="gone"):
        of.ask(question)
    with pytest.warns(ClusterWarning, match="lost 2"):
        of.ask(question)
    assert of.place.made == 2


def test_groups_are_made_once_for_all_threads_that_ask():
    of, count = prepared(), 4
    of.states = None
    barrier = threading.Barrier(count)

    def ask():
        barrier.wait()
        of._present()

    threads = [threading.Thread(target=ask) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert of.place.made == 2
    states = of.states
    of._forget(["others"])
    assert of.states is states


def test_terms_are_added_exactly_and_completed_by_the_engine():
    rows = {
        "a": np.array([[1.0, 2.0**60, 0, 0, 0, 4.0]]),
        "b": np.array([[2.0, 1.0, 0, 0, 0, 0], [0, -(2.0**60), 0, 0, 0, 0]]),
    }
    of = prepared()
    of.ask = of.ask_quickly = lambda *_: list(rows.values())
    loss, gradient = of.loss_and_gradient(THETA, 2.0)
    assert (loss, gradient.tolist()) == (3.0, [1.0, 0, 0, 0, 4.0])
    of.engine = support.ENGINE
    loss, gradient = of.loss_and_gradient(THETA, 2.0)
    assert (loss, gradient[0], gradient[4]) == (1.5, 1.0, 2.0)


def test_the_matrix_is_whole():
    of = prepared()
    of.ask_quickly = lambda *_: [np.arange(21.0)[None], np.ones((1, 21))]
    loss, gradient, matrix = of.gauss_newton(THETA, 2.0)
    assert loss == 1.0
    assert gradient.tolist() == [2, 3, 4, 5, 6]
    assert np.array_equal(matrix, matrix.T)
    assert matrix[0].tolist() == [7, 8, 9, 10, 11]
    assert matrix[4, 4] == 21.0


def test_the_first_error_in_the_order_of_the_entries_is_raised():
    errors = [1, DivergenceError("first"), DivergenceError("second")]
    with pytest.raises(DivergenceError, match=re.escape("first")):
        module.unless_error(errors)
    assert module.unless_error([1, 2]) == [1, 2]
    of = prepared()
    of.ask = lambda *_: [2, 3]
    assert of.ties(THETA, 1.0) == 5
