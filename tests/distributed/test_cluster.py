"""A real cluster of two worker processes: the same bits, and what happens to the workers ends in these or in a name."""

import asyncio
import gc
import threading
import time
from types import SimpleNamespace

import clusters
import numpy as np
import pytest

from dsrl_ref import Fidelity, LeastSquares, Objective, fit
from dsrl_ref.distributed import cluster as module
from dsrl_ref.distributed import problem
from dsrl_ref.errors import ClusterError, ClusterWarning

da = pytest.importorskip("dask.array", reason="the extra distributed brings dask")
pytest.importorskip("dask.distributed", reason="the extra distributed brings dask")

pytestmark = pytest.mark.children
THETA, L = (1.0, 0.875, 0.25, 0.75), 1.375
rng = np.random.default_rng(0)
W = rng.normal(size=(40, 10))
TARGET = np.where(np.abs(W) > 1, W, 0.0)
D, X = rng.normal(size=(5, 6)), rng.normal(size=(6, 600)) * (rng.random((6, 600)) < 0.3)


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    monkeypatch.setattr(problem, "BLOCK", 40)


def spread(chunks=(7, 10), **options):
    """An objective whose array has a name of its own: dask counts, by the name, the workers that died of it."""
    array = da.from_array(W, chunks=chunks, name=False)
    return Objective(Fidelity(array), TARGET, layers=2, method="pieces", **options)


def in_memory(**options):
    return Objective(Fidelity(W), TARGET, layers=2, method="pieces", **options)


def in_one_group():
    """The same blocks in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(problem, "place_of", lambda *_: module.Here(1))
        return spread()


def holders(client, J):
    """Which workers hold a share."""
    return [who for held in client.who_has(J.problem.prepared.states).values() for who in held]


def bits(J):
    loss, gradient, matrix = J.gauss_newton(THETA, L)
    return [loss, *gradient, *matrix.ravel().tolist(), *J.flat((*THETA, L))[1].tolist()]


@pytest.mark.parametrize("explicit", [False, True])
def test_workers_hold_the_shares_and_the_bits_are_those_of_one_process(client, explicit):
    J = spread(client=client) if explicit else spread()
    assert len(holders(client, J)) >= len(J.problem.prepared.states) == 2
    assert bits(J) == bits(in_one_group())
    assert J(THETA, L) == in_memory()(THETA, L)
    signals = Objective(
        LeastSquares(D, da.from_array(D @ X, chunks=(5, 50))), X, layers=2, method="support", per_layer=True
    )
    whole = Objective(LeastSquares(D, D @ X), X, layers=2, method="support", per_layer=True)
    theta, constants = [THETA] * 2, [9.0] * 2
    assert signals(theta, constants)[0] == whole(theta, constants)[0]
    assert np.array_equal(signals.gauss_newton(theta, constants)[2], whole.gauss_newton(theta, constants)[2])


def test_without_a_cluster_as_many_tasks_are_done_at_a_time_as_there_are_threads():
    from dask import delayed

    busy, most = set(), []

    def task():
        busy.add(threading.get_ident())
        most.append(len(busy))
        time.sleep(0.01)  # so that another thread, if there is one, begins
        busy.discard(threading.get_ident())

    for threads in (1, 2):
        most.clear()
        module.Here(threads).prepare([delayed(task)() for _ in range(8)])
        assert max(most) <= threads


def test_without_a_client_there_are_as_many_threads_as_are_given():
    place = module.place_of(None, None, 60.0, 3)
    assert isinstance(place, module.Here)
    assert place.slots == 3


def test_workers_have_a_group_each_and_do_as_many_tasks_at_a_time_as_they_have_threads(monkeypatch):
    monkeypatch.setattr(module.Cluster, "_threads", lambda self: [2, 3])
    of = module.Cluster(None, None, 60.0)
    assert (of.groups, of.slots) == (2, 5)


def test_the_cluster_of_these_tests_has_two_workers(client):
    assert len(clusters.processes(client)) == 2


def test_a_task_has_the_threads_of_its_worker_and_no_more_than_are_asked_for(client):
    J = spread(threads=8)
    assert set(np.concatenate(J.problem.ask(clusters.threads))) == {1}
    assert J.problem.place.threads == 8  # what is asked for, which workers compare with their own


def test_of_a_large_graph_dask_warns_only_where_the_caller_brings_it(client, monkeypatch):
    monkeypatch.setattr(problem, "BLOCK", 2**22)
    wide = np.zeros((1200, 1200))  # 11 MiB, where dask warns from 10 on
    signals = da.zeros((1200, 2), chunks=(1200, 1))
    assert Objective(LeastSquares(wide, signals), da.zeros((1200, 2)), layers=0)(THETA, L)[0] == 0.0
    with pytest.warns(UserWarning, match="Sending large graph"):
        assert Objective(Fidelity(da.from_array(wide, chunks=(600, 1200))), layers=0)(THETA, L)[0] == 0.0


def test_dask_does_not_warn_of_the_places_of_columns_that_were_drawn(client, monkeypatch):
    monkeypatch.setattr(problem, "BLOCK", 2**22)
    rng, m = np.random.default_rng(0), 800_000
    signals, target = (da.zeros((1, m), chunks=(1, m // 4))[:, rng.permutation(m)] for _ in range(2))
    J = Objective(LeastSquares(np.eye(1), signals), target, layers=1, per_layer=True, method="adjoint")
    assert J([THETA], [L])[0] == 0.0


def test_a_problem_of_one_block_leaves_a_worker_without_data(client, monkeypatch):
    monkeypatch.setattr(problem, "BLOCK", 1000)
    J = spread()
    assert len(holders(client, J)) == 1
    assert bits(J) == bits(in_one_group())


@pytest.mark.filterwarnings("default::dsrl_ref.errors.ClusterWarning")
def test_a_worker_killed_amid_fit_leaves_no_trace_in_the_numbers(whole_cluster, repeats):
    from distributed import Client

    expected = fit(in_one_group(), epochs=6)
    for _ in range(repeats(1, 20)):
        with Client(whole_cluster()[1]) as client:
            J, calls = spread(), []

            def kill(epoch, *_, J=J, calls=calls, client=client):
                if epoch == 2:
                    share = min(client.who_has(J.problem.prepared.states).values(), key=len)  # dask may have copied one
                    clusters.killed(client, len(share), of=share)
                calls.append(epoch)

            with pytest.warns(ClusterWarning, match=r"lost \d of 2 shares .* the numbers are the same"):
                learned = fit(J, epochs=6, callback=kill)
        assert (learned.theta, learned.L, learned.loss) == (expected.theta, expected.L, expected.loss)
        assert calls == list(range(6))


def test_a_scheduler_that_forgot_is_sent_the_recipes_again_and_that_is_said_once(whole_cluster, request):
    from distributed import Client

    forget = [lambda client, states: clusters.forgotten(client, states)]
    if request.config.getoption("--nightly"):
        forget += [lambda client, _: client.restart(timeout=600)] * 20
    before = bits(in_one_group())
    for forget_now in forget:
        with Client(whole_cluster()[1]) as client:
            J = spread()
            forget_now(client, J.problem.prepared.states)
            with pytest.warns(ClusterWarning, match="lost 2 of 2 shares") as said:
                assert bits(J) == before
            assert len(said) == 1


def same_or_named(J, expected):
    """Whether the bits are these; None where an error says, in the time that it states, that no worker is back."""
    try:
        return bits(J) == expected
    except ClusterError as error:
        return None if "no sign of life for 60 seconds: it has no workers" in str(error) else error


@pytest.mark.nightly
@pytest.mark.filterwarnings("ignore::dsrl_ref.errors.ClusterWarning")
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("after", [None, 0.0, 0.05, 0.2])
def test_workers_killed_between_and_amid_evaluations_leave_no_trace(whole_cluster, count, after):
    from distributed import Client

    expected, ends = bits(in_one_group()), []
    for _ in range(20):
        with Client(whole_cluster()[1]) as client:
            J = spread()
            if after is None:
                clusters.killed(client, count)
            else:
                timer = threading.Timer(after, clusters.killed, [client, count])
                timer.start()
                while timer.is_alive():
                    ends.append(same_or_named(J, expected))
            ends.append(same_or_named(J, expected))
    assert set(ends) <= {True, None}
    assert ends.count(True) > ends.count(None)


def test_two_fits_at_once_are_two_fits(client):
    found, expected = {}, fit(in_one_group(), epochs=3)

    def learn(name):
        found[name] = fit(spread(), epochs=3)

    threads = [threading.Thread(target=learn, args=[name]) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[name].theta for name in "ab"] == [expected.theta] * 2


def test_a_closed_client_is_named_at_once(cluster):
    from distributed import Client

    _, address = cluster
    with Client(address) as client:
        J = spread(client=client)
        assert bits(J) == bits(in_one_group())
    with pytest.raises(ClusterError, match="the Dask client is closed: make a new one, and a new Objective"):
        J(THETA, L)


def test_a_scheduler_that_stands_still_is_waited_for_and_then_named(cluster, client):
    J, (child, _) = spread(timeout=3.0), cluster
    with clusters.stopped(child.pid, seconds=0.5):
        assert bits(J) == bits(in_one_group())
    said = "no sign of life for 3 seconds: the scheduler does not answer"
    with clusters.stopped(child.pid), pytest.raises(ClusterError, match=said):
        J(THETA, L)
    with pytest.warns(ClusterWarning, match="lost 2 of 2"):
        assert bits(J) == bits(in_one_group())  # prepared anew


def test_workers_that_stand_still_are_named(client):
    J = spread(timeout=3.0)
    said = "a worker that is at work on it, or holds what it needs, is not heard of"
    with clusters.stopped(*clusters.processes(client)), pytest.raises(ClusterError, match=said):
        J(THETA, L)
    with pytest.warns(ClusterWarning, match="lost 2 of 2"):
        assert bits(J) == bits(in_one_group())


def test_inside_of_a_task_it_is_said_what_to_do(client):
    assert "call distributed.secede() before" in client.submit(clusters.within, False).result()
    assert client.submit(clusters.within, True).result() == 0.5


def test_what_workers_cannot_import_is_named(client):
    J = spread()
    with pytest.raises(ClusterError, match=r"cannot import what it needs .* install dsrl_ref, with the extra"):
        J.problem.ask(clusters.missing)
    with pytest.raises(ZeroDivisionError, match="division by zero"):  # what a question itself raises arrives as it is
        J.problem.ask(clusters.fails)


@pytest.mark.filterwarnings("ignore::dsrl_ref.errors.ClusterWarning")
def test_what_a_chunk_raises_is_raised_as_it_is_and_once_it_is_mended_all_is_well(client, tmp_path):
    away = tmp_path / "away"

    def read(chunk):
        if away.exists():
            raise FileNotFoundError("the disk is away")
        return chunk

    J = Objective(Fidelity(da.from_array(W, chunks=(7, 10)).map_blocks(read, meta=W)), TARGET, layers=2)
    expected = J(THETA, L)
    clusters.forgotten(client, J.problem.prepared.states)
    away.touch()
    for _ in range(2):
        with pytest.raises(FileNotFoundError, match="the disk is away"):
            J(THETA, L)
    assert clusters.left(client) == []  # before, a chunk's error is still known
    away.unlink()
    assert J(THETA, L) == expected


def test_what_failed_leaves_nothing_on_the_workers_while_its_error_is_kept(client):
    with pytest.raises(ValueError, match=r"W\[36:40, 0:10\] contains NaN") as kept:
        Objective(Fidelity(da.from_array(np.where(np.arange(400).reshape(40, 10) == 361, np.nan, W))), layers=2)
    assert clusters.left(client) == []
    assert kept.tb is not None


def test_what_was_persisted_and_is_lost_is_to_be_persisted_again(client):
    kept = client.persist(da.from_array(W, chunks=(7, 10)))
    J = Objective(Fidelity(kept), layers=2)
    assert J(THETA, L)[0] > 0
    clusters.forgotten(client, [*kept.dask.values(), *J.problem.prepared.states])
    with pytest.raises(ClusterError, match=r"forgotten what was prepared 3 times .* persist it anew, with this client"):
        J(THETA, L)


def test_two_that_prepare_at_once_leave_the_configuration_of_dask_as_it_was():
    from dask import config

    most = "distributed.admin.large-graph-warning-threshold"
    before, second, first_is_done = config.get(most), threading.Event(), threading.Event()

    class Client:
        status = "running"

        def compute(self, recipes):
            if recipes == ["first"]:
                second.wait(0.3)  # which does not come before this one has left
            else:
                second.set()
                first_is_done.wait(0.3)
            return recipes

    def prepare(name):
        module.Cluster(Client(), None, 60.0).prepare([name], 10**7)
        if name == "first":
            first_is_done.set()

    threads = [threading.Thread(target=prepare, args=[name]) for name in ("first", "second")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert config.get(most) == before


def test_an_objective_that_is_gone_leaves_the_workers_at_once(client):
    J = spread()
    keys = [state.key for state in J.problem.prepared.states]
    fit(J, epochs=2)
    gc.disable()  # what is in a circle would stay for long
    try:
        del J
        assert clusters.left(client, keys) == []
    finally:
        gc.enable()


def test_an_asynchronous_client_is_refused(client, monkeypatch):
    monkeypatch.setattr(type(client), "asynchronous", True)
    try:
        with pytest.raises(TypeError, match="client is asynchronous"):
            spread(client=client)
    finally:
        monkeypatch.undo()


@pytest.fixture(name="looping")
def _cluster_of_a_client_with_a_loop():
    """A cluster of a client whose loop runs in a thread, and nothing else."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    client = SimpleNamespace(status="running", futures={}, loop=SimpleNamespace(asyncio_loop=loop))
    yield module.Cluster(client, None, 60.0)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


async def raising(error):
    raise error


def killed_worker():
    from distributed import KilledWorker

    return KilledWorker("a", SimpleNamespace(address="tcp://x"), 3)


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (killed_worker, ClusterError, "a worker died 4 times while it worked on the same blocks: give workers more"),
        (lambda: OSError("reset"), ClusterError, "the connection to the Dask scheduler failed: reset"),
        (lambda: ModuleNotFoundError("dsrl_ref"), ClusterError, r"cannot import what it needs \(dsrl_ref\)"),
        (asyncio.CancelledError, module.LostError, "^$"),
        (lambda: ZeroDivisionError("none"), ZeroDivisionError, "none"),
    ],
)
def test_how_waiting_ends_has_a_name(looping, error, kind, message):
    with pytest.raises(kind, match=message):
        looping._waited(lambda: raising(error()), [])


def test_what_is_cancelled_as_the_client_closes_is_not_asked_for_again(looping):
    async def closing():
        looping.client.status = "closed"
        raise asyncio.CancelledError

    with pytest.raises(ClusterError, match="the Dask client is closed"):
        looping._waited(closing, [])


def test_a_task_that_raises_an_error_of_the_system_has_not_lost_the_connection(looping):
    looping.client.futures["a"] = SimpleNamespace(status="error")
    with pytest.raises(FileNotFoundError, match="away"):
        looping._waited(lambda: raising(FileNotFoundError("away")), ["a"])


def test_what_gathers_is_not_cancelled_with_who_waits_for_it():
    """It would leave errors of its parts to asyncio, which prints them."""

    async def asked():
        gathering = asyncio.get_running_loop().create_future()
        waiting = asyncio.ensure_future(module._to_its_end(gathering))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        return waiting.cancelled(), gathering.cancelled()

    assert asyncio.run(asked()) == (True, False)


def test_a_client_whose_loop_has_ended_is_closed(looping):
    ended = asyncio.new_event_loop()
    ended.close()
    client = SimpleNamespace(status="running", futures={}, loop=SimpleNamespace(asyncio_loop=ended))
    with pytest.raises(ClusterError, match="the Dask client is closed"):
        module.Cluster(client, None, 60.0)._waited(lambda: raising(OSError()), [])


def test_what_is_not_waited_for_any_more_is_given_up(looping, monkeypatch):
    given_up = threading.Event()

    async def never():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            given_up.set()
            raise

    def interrupt():
        raise KeyboardInterrupt("stop")

    monkeypatch.setattr(module, "LOOK", 0.01)
    with pytest.raises(KeyboardInterrupt, match="stop"):
        looping._waited(never, [], interrupt)
    assert given_up.wait(60)


def test_workers_that_are_about_to_leave_are_not_counted():
    scheduler = SimpleNamespace(
        workers={
            status: SimpleNamespace(status=SimpleNamespace(name=status), nthreads=3)
            for status in ("running", "closing")
        }
    )
    assert module._threads_of(scheduler) == [3]


class Worker(SimpleNamespace):
    __hash__ = object.__hash__


class Task(SimpleNamespace):
    __hash__ = object.__hash__


def worker(silent=0, status="running", processing=(1,), executing=()):
    state = SimpleNamespace(name=status)
    return Worker(last_seen=time.time() - silent, status=state, processing=set(processing), executing=set(executing))


def on(key, worker, *needs):
    return Task(key=key, state="processing", processing_on=worker, who_has=set(), dependencies=set(needs))


def held(key, *workers):
    return Task(key=key, state="memory", processing_on=None, who_has=set(workers), dependencies=set())


def waiting(key, *needs):
    return Task(key=key, state="waiting", processing_on=None, who_has=set(), dependencies=set(needs))


def silence(tasks, *workers):
    scheduler = SimpleNamespace(workers=dict(enumerate(workers)), tasks={each.key: each for each in tasks})
    return module._silence(["a", "b"], scheduler)


def test_signs_of_life_are_those_of_who_works_on_what_is_asked_for():
    here, away, idle = worker(), worker(100), worker(processing=())
    assert silence([]) == (None, "it has no workers")
    assert silence([on("a", here), on("b", here)], here, away)[0] == pytest.approx(0, abs=50)
    assert silence([on("a", here), on("b", away)], here, away)[0] > 50
    assert silence([held("a", away), on("b", here)], here, away)[0] > 50
    assert silence([held("a", away, here), on("b", here)], here, away)[0] < 50
    assert silence([waiting("a", on("c", away)), on("b", here)], here, away)[0] > 50
    assert silence([waiting("a", on("c", away), on("d", here)), on("b", here)], here, away)[0] < 50
    assert silence([waiting("a", held("c", away)), on("b", here)], here, away)[0] < 50  # its turn will come
    assert silence([waiting("a"), waiting("b")], idle) == (None, "no worker takes the work up")
    assert silence([waiting("a"), waiting("b")], here)[0] < 50


def test_who_waits_for_the_data_of_a_worker_that_is_silent_gives_no_sign():
    here, away = worker(), worker(100)
    assert silence([on("a", here, held("c", away)), on("b", here)], here, away)[0] > 50
    assert silence([on("a", away, held("c", here)), on("b", here)], here, away)[0] > 50
    assert silence([on("a", here, held("c", away, here)), on("b", here)], here, away)[0] < 50  # it has them
    assert silence([on("a", here, held("c", away, worker())), on("b", here)], here, away)[0] < 50
    assert silence([on("a", here, on("c", here)), on("b", here)], here, away)[0] < 50


def test_a_paused_worker_gives_signs_of_what_it_has_begun_alone():
    begun = Task(key="a", state="processing", who_has=set(), dependencies=set())
    full = begun.processing_on = worker(status="paused", executing=[begun])
    assert silence([begun, waiting("b")], full) == (None, f"no worker takes the work up{module.PAUSED}")
    full.processing.add(begun)
    assert silence([begun, waiting("b")], full)[0] < 50
    assert silence([begun, on("b", full)], full)[0] < 50  # its turn will come
    full.executing.clear()
    assert silence([begun, on("b", full)], full, worker(processing=()))[0] is None
    assert silence([begun, on("b", full)], full, worker())[0] < 50


def test_what_a_paused_worker_has_not_begun_is_not_waited_for_without_end(client, monkeypatch, tmp_path):
    monkeypatch.setattr(module.Cluster, "groups", 3)
    J, go_on, ended = spread(), tmp_path / "go on", []
    J.problem.place.timeout = 3.0

    def ask():
        with pytest.raises(ClusterError, match="no sign of life for 3 seconds"):
            J.problem.ask(clusters.until, str(go_on))
        ended.append(True)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    while sum(client.run(clusters.begun).values()) < 2:  # of three, each worker has one thread
        time.sleep(0.05)
    with clusters.paused(client):
        go_on.touch()
        asking.join(clusters.LIMIT)
    assert ended == [True]


def test_work_that_goes_on_may_take_as_long_as_it_takes(client):
    J = spread()
    J.problem.place.timeout = 1.5  # less than the answers take, which a busy machine need not prepare in
    assert J.problem.ask(clusters.slow) == ["done", "done"]
