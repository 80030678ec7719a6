"""Limits of BLAS threads: nested, overlapping, broken off, after a fork; and where the package sets them."""

import os
import sys
import threading

import blas
import children
import numpy as np
import pytest
import scipy.linalg  # noqa: F401  its BLAS is another, and is there from the beginning
from blas import Library, kinds

import dsrl_ref
from dsrl_ref import threads

THETA, L = (1.1, 0.8, 0.02, 0.3), 3.0


@kinds
def test_a_limit_is_in_force_inside_and_the_callers_number_is_there_again_after_it(fake_blas, kind):
    one, other = Library(8, **kind), Library(5, path="other", **kind)
    fake_blas(one, other)
    with threads.blas_threads(3):
        assert (one.number, other.number) == (3, 3)
    assert (one.number, other.number) == (8, 5)


@kinds
def test_a_limit_never_raises_what_the_caller_has_set(fake_blas, kind):
    library = Library(1, **kind)
    fake_blas(library)
    with threads.blas_threads(4):
        assert library.number == 1
    assert library.set_to == []


@kinds
def test_the_least_of_nested_limits_counts(fake_blas, kind):
    library = Library(8, **kind)
    fake_blas(library)
    with threads.blas_threads(4):
        with threads.blas_threads(2):
            with threads.blas_threads(6):
                assert library.number == 2
            assert library.number == 2
        assert library.number == 4
    assert library.number == 8


@kinds
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_error_inside_reaches_the_caller_and_lifts_the_limit(fake_blas, kind, error):
    library = Library(8, **kind)
    fake_blas(library)
    with pytest.raises(error, match="inside"), threads.blas_threads(1):
        raise error("inside")
    assert library.number == 8


@kinds
@pytest.mark.parametrize("afterwards", [False, True])
@pytest.mark.parametrize("call", range(1, 9))
def test_ctrl_c_in_any_call_of_a_library_leaves_the_callers_numbers(fake_blas, kind, call, afterwards):
    one, other = Library(8, **kind), Library(5, path="other", **kind)
    fake_blas(one, other)
    with threads.blas_threads(7):  # found before
        pass
    for library in (one, other):
        library.calls, library.breaks_at, library.afterwards = 0, call, afterwards
        try:
            with threads.blas_threads(4), threads.blas_threads(1):
                pass
        except KeyboardInterrupt:
            pass
        assert library.breaks_at is None, "no such call"
        assert (one.number, other.number) == (8, 5)
    with threads.blas_threads(2):
        assert (one.number, other.number) == (2, 2)
    assert (one.number, other.number) == (8, 5)


def meet(order, library, limits):
    """Two threads with overlapping limits; `order` says who enters and who leaves next. The numbers after each step."""
    seen, turns = [], {name: threading.Semaphore(0) for name in limits}
    finished = threading.Semaphore(0)

    def run(name):
        turns[name].acquire()
        with threads.blas_threads(limits[name]):
            seen.append((name, library.number))
            finished.release()
            turns[name].acquire()
        seen.append((name, library.number))
        finished.release()

    workers = [threading.Thread(target=run, args=(name,)) for name in limits]
    for worker in workers:
        worker.start()
    for name in order:
        turns[name].release()
        finished.acquire()
    for worker in workers:
        worker.join()
    return seen


@pytest.mark.parametrize("order", ["abab", "abba"])
def test_limits_of_two_threads_overlap_and_the_last_to_leave_brings_the_callers_number_back(fake_blas, order):
    library = Library(8)
    fake_blas(library)
    seen = meet(order, library, {"a": 4, "b": 2})
    assert [number for _, number in seen] == [4, 2, 2 if order == "abab" else 4, 8]
    assert library.number == 8


@pytest.mark.parametrize("order", ["abab", "abba"])
@pytest.mark.parametrize("kind", [{"threading_layer": "openmp"}, {"internal_api": "mkl"}], ids=["OpenMP", "MKL"])
def test_numbers_of_each_thread_are_limited_in_each(fake_blas, order, kind):
    library = Library(8, **kind)
    fake_blas(library)
    seen = meet(order, library, {"a": 4, "b": 2})
    inside = {"a": 4, "b": 2}
    assert seen == [(order[0], 4), (order[1], 2), (order[2], 8), (order[3], 8)]
    assert inside == dict(seen[:2])


def test_an_old_threadpoolctl_sets_the_number_of_the_process_in_mkl_too(fake_blas):
    library = Library(8, internal_api="mkl")
    library.apart = False
    fake_blas(library, old=True)
    assert [number for _, number in meet("abab", library, {"a": 4, "b": 2})] == [4, 2, 2, 8]


def test_a_thread_that_has_set_a_number_lets_others_set_theirs(fake_blas):
    library = Library(8)
    fake_blas(library)
    with threads.blas_threads(4):
        assert Library.controlling is None
    assert Library.controlling is None


def test_a_number_that_somebody_else_sets_meanwhile_stays(fake_blas):
    library = Library(8)
    fake_blas(library)
    with threads.blas_threads(2):
        library.default = 5
    assert library.number == 5
    with threads.blas_threads(2):
        assert library.number == 2
        library.default = 1
        with threads.blas_threads(2):
            assert library.number == 1
    assert library.number == 1
    library.default = 8
    with threads.blas_threads(2):
        library.default = 9
    assert library.number == 9
    library.default = 8
    with threads.blas_threads(2):
        library.default = 6
        with threads.blas_threads(4):
            assert library.number == 2
    assert library.number == 8


def test_a_library_that_comes_later_is_found_and_otherwise_nothing_is_looked_for(fake_blas, monkeypatch):
    libraries = [Library(8)]
    module = fake_blas(*libraries)
    found = []
    module.ThreadpoolController.__init__ = lambda self: (found.append(1), setattr(self, "lib_controllers", libraries))[
        0
    ]
    for _ in range(3):
        with threads.blas_threads(2):
            pass
    assert len(found) == 1
    with threads.blas_threads(2):
        libraries.append(Library(6, path="late"))
        monkeypatch.setitem(sys.modules, "a_module_that_brings_it", module)
        with threads.blas_threads(4):
            assert [library.number for library in libraries] == [2, 2]
        assert [library.number for library in libraries] == [2, 2]
    assert [library.number for library in libraries] == [8, 6]


def test_a_blas_that_is_not_known_is_left_alone(fake_blas):
    class Unknown(Library):
        def get_num_threads(self):
            return None

    library = Unknown(8)
    fake_blas(library)
    with threads.blas_threads(1):
        pass
    assert library.set_to == []
    fake_blas()
    with threads.blas_threads(1):
        pass
    assert dsrl_ref.blas.process.shared == dsrl_ref.blas.process.apart == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_fork_keeps_its_own_limit_and_drops_those_of_threads_that_are_gone(fake_blas):
    library = Library(8)
    fake_blas(library)
    entered, leave = threading.Event(), threading.Event()

    def other():
        with threads.blas_threads(2), dsrl_ref.blas.process.lock:
            entered.set()
            leave.wait()

    def in_child():
        numbers = [library.number]
        with threads.blas_threads(3):
            numbers.append(library.number)
        return [*numbers, library.number]

    worker = threading.Thread(target=other)
    worker.start()
    entered.wait()
    try:
        assert children.forked(in_child, limit=60.0) == [8, 3, 8]
    finally:
        leave.set()
        worker.join()
    assert library.number == 8
    with threads.blas_threads(2):
        assert children.forked(in_child, limit=60.0) == [2, 2, 2]


class Own(dsrl_ref.LeastSquares):
    """A smooth term of one's own, which tells how many threads BLAS has in its products."""

    def __init__(self, *arguments, fails=None):
        super().__init__(*arguments)
        self.seen, self.fails = [], fails

    def gradient(self, X):
        self.seen.append(set(blas.numbers().values()))
        if self.fails:
            raise self.fails
        return super().gradient(X)


def problem(kind=dsrl_ref.LeastSquares, **options):
    rng = np.random.default_rng(0)
    return kind(rng.normal(size=(6, 8)), rng.normal(size=(6, 5)), **options), rng.normal(size=(8, 5))


@pytest.fixture
def three():
    """The caller's number of threads is three, in every real BLAS."""
    threadpoolctl = pytest.importorskip("threadpoolctl")
    with threadpoolctl.threadpool_limits(3, "blas"):
        found = blas.numbers()
        if set(found.values()) != {3}:
            pytest.skip("no BLAS here whose threads threadpoolctl can set")
        yield
        assert blas.numbers() == found


@pytest.mark.parametrize(("large", "given", "number"), [(0, 1, 1), (0, 2, 2), (0, 9, 3), (2**28, 9, 1)])
def test_threads_of_an_objective_bound_those_of_blas(three, monkeypatch, large, given, number):
    monkeypatch.setattr(threads, "LARGE_PRODUCT", large)
    f, target = problem(Own)
    dsrl_ref.Objective(f, target, layers=2, threads=given)(THETA, L)
    assert f.seen
    assert all(seen == {number} for seen in f.seen)


@pytest.mark.parametrize("error", [ValueError("in f"), KeyboardInterrupt("in f")], ids=["error", "Ctrl-C"])
def test_an_evaluation_that_fails_lifts_its_limit(three, error):
    f, target = problem(Own, fails=error)
    with pytest.raises((dsrl_ref.errors.DSRLError, KeyboardInterrupt), match="in f"):
        dsrl_ref.Objective(f, target, layers=2)(THETA, L)
    assert set(blas.numbers().values()) == {3}


class Watched(np.ndarray):
    """A matrix that tells how many threads BLAS has where it is a factor."""

    seen: list

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        if ufunc is np.matmul:
            Watched.seen.append(set(blas.numbers().values()))
        plain = [np.asarray(each) if isinstance(each, Watched) else each for each in inputs]
        return getattr(ufunc, method)(*plain, **options)


def watched():
    f, target = problem()
    Watched.seen, f.D = [], f.D.view(Watched)
    return f, target


CALLS = {
    "evaluation": lambda f, target: dsrl_ref.Objective(f, target, layers=2)(THETA, L),
    "tensor": lambda f, target: dsrl_ref.Objective(f, target, layers=2, method="tensor")(THETA, L),
    "one evaluation": lambda f, target: dsrl_ref.loss_and_gradient(f, THETA, L, 2, target),
    "Gauss-Newton": lambda f, target: dsrl_ref.Objective(f, target, layers=2).gauss_newton(THETA, L),
    "fixed point": lambda f, target: dsrl_ref.Objective(f, target, layers=np.inf)((1, 1, 0.1, 0.1), 30.0),
    "ties": lambda f, target: dsrl_ref.Objective(f, target, layers=2).ties(THETA, L),
    "fit": lambda f, target: dsrl_ref.fit(dsrl_ref.Objective(f, target, layers=2), epochs=2),
    "forward": lambda f, target: dsrl_ref.forward(f, THETA, L, 2),
    "lipschitz": lambda f, target: f.lipschitz(),
    "solve": lambda f, target: dsrl_ref.solve(f, dsrl_ref.Theta.soft(0.1)),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_wherever_a_small_dictionary_is_multiplied_blas_has_one_thread(three, call):
    call(*watched())
    assert Watched.seen
    assert all(seen == {1} for seen in Watched.seen)


def test_small_products_give_the_same_bits_for_any_number_that_the_caller_sets():
    threadpoolctl = pytest.importorskip("threadpoolctl")
    rng = np.random.default_rng(0)
    D, target = rng.normal(size=(64, 128)) / 8, rng.normal(size=(128, 400))
    J = dsrl_ref.Objective(dsrl_ref.LeastSquares(D, D @ target), target, layers=4)
    found = []
    for number in (1, 2, 3):
        with threadpoolctl.threadpool_limits(number, "blas"):
            found.append(J(THETA, L))
    assert found[0] == found[1] == found[2]


WITHOUT = """
import sys
sys.modules["threadpoolctl"] = None
import dsrl_ref
f = dsrl_ref.LeastSquares([[2.0, 0.0], [0.0, 1.0]], [[4.0], [3.0]])
print(dsrl_ref.Objective(f, [[1.0], [1.0]], layers=2)((1, 0.5, 0.5, 1), 4.0)[0])
print(dsrl_ref.solve(f, dsrl_ref.Theta.soft(0.5)).converged)
"""


def test_without_threadpoolctl_all_goes_on_as_it_is():
    f = dsrl_ref.LeastSquares([[2.0, 0.0], [0.0, 1.0]], [[4.0], [3.0]])
    loss, _ = dsrl_ref.Objective(f, [[1.0], [1.0]], layers=2)((1, 0.5, 0.5, 1), 4.0)
    assert children.output("-c", WITHOUT).split() == [repr(loss), "True"]


def test_importing_the_package_does_not_load_threadpoolctl():
    code = "import sys, dsrl_ref, dsrl_ref.multiview; print('threadpoolctl' in sys.modules)"
    assert children.output("-c", code).strip() == "False"
