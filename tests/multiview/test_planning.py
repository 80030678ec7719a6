"""Plans: what was measured at some size is carried to another, kept, and told with what to do instead."""

import time
import tracemalloc
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from dsrl_ref.multiview import edges, planning
from dsrl_ref.multiview.planning import LIMITS, TIMED, TRACED, Constants, Shape, plan
from dsrl_ref.threads import limited, processors

SHAPE = Shape(views=2, features=5, classes=3, neighbors=4)
FEW_SAMPLES = 30_000  # all classes go side by side, and all neighbours are looked for
SECONDS = {name: float(place) for place, name in enumerate(LIMITS, start=1)}
LATER = {name: 5.0 * seconds for name, seconds in SECONDS.items()}
FEW, MORE = ({name: scale * seconds for name, seconds in SECONDS.items()} for scale in (1e6, 3e6))
CONSTANTS = Constants(SECONDS, LATER, FEW, MORE)


@pytest.fixture
def small(monkeypatch):
    """What is measured takes no time."""
    monkeypatch.setattr(planning, "TIMED", (60, 90))
    monkeypatch.setattr(planning, "TRACED", (40, 60))


@pytest.fixture(autouse=True, params=[False, True], ids=["no faiss", "faiss"])
def installed(request, monkeypatch):
    """Whether there is faiss; what finds neighbours by it is taken as done."""
    monkeypatch.setattr(planning, "is_installed", lambda: request.param)
    find = planning.nearest
    monkeypatch.setattr(planning, "nearest", lambda *given: find(*given[:3]))
    return request.param


def measured(installed):
    """What was measured, with or without approximate neighbours."""
    left_out = () if installed else (planning.APPROXIMATE,)
    parts = SECONDS, LATER, FEW, MORE
    return Constants(*({k: v for k, v in part.items() if k not in left_out} for part in parts))


def test_where_it_was_measured_a_plan_says_what_was_measured():
    few, more = TIMED
    within = (
        dict.fromkeys(LIMITS, 2.0),
        {name: 2.0 * (more / few) ** np.mean(powers) for name, powers in LIMITS.items()},
    )
    constants = Constants(*within, FEW, MORE)
    for n, seconds in zip(TIMED, within, strict=True):
        assert {name: cost.seconds for name, cost in constants.costs(n).items()} == pytest.approx(seconds)
    for n, peaks in zip(TRACED, (FEW, MORE), strict=True):
        held = {**peaks, planning.APART: peaks["propagation"]}
        assert {name: cost.peak for name, cost in CONSTANTS.costs(n).items()} == pytest.approx(held)


@pytest.mark.parametrize("times", [0.5, 2, 100])
@pytest.mark.parametrize("measured", [0.5, 1.08, 3.0])
def test_seconds_grow_by_the_power_that_was_measured_within_limits(times, measured):
    few, more = TIMED
    later = {name: seconds * (more / few) ** measured for name, seconds in SECONDS.items()}
    costs = replace(CONSTANTS, seconds_of_more=later).costs(int(more * times))
    for name, (least, most) in LIMITS.items():
        power = min(max(measured, least), most)
        assert costs[name].seconds == pytest.approx(later[name] * times**power)


def test_neighbours_that_a_tree_finds_do_not_grow_with_all_pairs():
    flat = replace(CONSTANTS, seconds_of_more=SECONDS)
    seconds = {}
    for features in (planning.TREE_FEATURES, planning.TREE_FEATURES + 1):
        found = plan(replace(SHAPE, features=features), 5 * TIMED[1], flat)
        seconds[features] = next(step.seconds for step in found.steps if step.name == planning.NEIGHBOURS)
    tree, pairs = seconds.values()
    assert pairs / tree == pytest.approx(5**0.9)


def test_steps_that_took_no_time_are_carried_to_no_time():
    nothing = dict.fromkeys(LIMITS, 0.0)
    costs = Constants(nothing, nothing, FEW, MORE).costs(10**6)
    assert {cost.seconds for cost in costs.values()} == {0.0}


@pytest.mark.parametrize("n", [1_000, 10**6])
def test_bytes_grow_along_a_line(n):
    for name, cost in CONSTANTS.costs(n).items():
        held = "propagation" if name == planning.APART else name
        slope = (MORE[held] - FEW[held]) / (TRACED[1] - TRACED[0])
        assert cost.peak == pytest.approx(max(0.0, FEW[held] + slope * (n - TRACED[0])))


def test_bytes_that_seemed_to_fall_are_not_carried_below_0():
    falling = replace(CONSTANTS, bytes=MORE, bytes_of_more=FEW)
    assert {cost.peak for cost in falling.costs(10**9).values()} == set(MORE.values()) - {MORE[planning.APART]}


def test_a_whole_is_the_sum_of_its_seconds_and_the_largest_of_its_peaks():
    found = plan(SHAPE, FEW_SAMPLES, CONSTANTS)
    steps = {step.name: step for step in found.steps}
    cluster, classify = found.totals
    assert planning.APPROXIMATE not in steps
    of_clusters = [step for name, step in steps.items() if name != "propagation"]
    of_classes = [step for name, step in steps.items() if name not in ("embedding", "k-means")]
    for whole, parts in ((cluster, of_clusters), (classify, of_classes)):
        assert whole.seconds == pytest.approx(sum(part.seconds for part in parts))
        assert whole.peak == max(part.peak for part in parts)


def test_threads_share_the_search_for_neighbours_and_nothing_else():
    with limited(1):
        one = plan(SHAPE, FEW_SAMPLES, CONSTANTS)
    with limited(4):
        four = plan(SHAPE, FEW_SAMPLES, CONSTANTS)
    for a, b in zip(one.steps, four.steps, strict=True):
        assert a.seconds / b.seconds == (4 if a.name == planning.NEIGHBOURS else 1)


def test_many_samples_have_approximate_neighbours_where_there_is_faiss(installed):
    kinds = planning.NEIGHBOURS, planning.APPROXIMATE
    for n, many in ((planning.MANY - 1, False), (planning.MANY, True)):
        found = plan(SHAPE, n, measured(installed))
        (search,) = (step for step in found.steps if step.name in kinds)
        assert search.name == kinds[installed and many]
        assert all(search.seconds <= whole.seconds for whole in found.totals)
        assert len(found.steps) == len(LIMITS) - 2
    assert planning.measurable() == [*measured(installed).seconds]


def test_many_samples_of_few_features_have_the_neighbours_of_a_tree(installed):
    for features, approximate in ((planning.TREE_FEATURES, False), (planning.TREE_FEATURES + 1, installed)):
        found = plan(replace(SHAPE, features=features), planning.MANY, measured(installed))
        names = [step.name for step in found.steps]
        assert (planning.APPROXIMATE in names, planning.NEIGHBOURS in names) == (approximate, not approximate)


def test_where_one_column_fills_the_cache_labels_are_spread_class_by_class(monkeypatch):
    for n, apart in ((131_072, False), (131_073, True)):
        found = plan(SHAPE, n, CONSTANTS)
        names = [step.name for step in found.steps]
        assert (planning.APART in names, "propagation" in names) == (apart, not apart)
        of_classes = [step.seconds for step in found.steps if step.name not in ("embedding", "k-means")]
        assert found.totals[1].seconds == pytest.approx(sum(of_classes))


def test_a_plan_says_how_much_memory_is_free(monkeypatch):
    monkeypatch.setattr(planning, "free_memory", lambda: 4711)
    assert plan(SHAPE, FEW_SAMPLES, CONSTANTS).memory == 4711


def test_what_takes_too_long_or_does_not_fit_has_advice_and_nothing_else_has():
    found = plan(SHAPE, FEW_SAMPLES, CONSTANTS)
    assert not any(step.advice for step in found.steps)
    for name in set(LIMITS) - {planning.APPROXIMATE, planning.APART}:
        slow = replace(CONSTANTS, seconds_of_more={**LATER, name: 1e4})
        large = replace(CONSTANTS, bytes={**FEW, name: 1e15}, bytes_of_more={**MORE, name: 1e15})
        for constants in (slow, large):
            told = {step.name: step.advice for step in plan(SHAPE, FEW_SAMPLES, constants).steps}
            assert [step for step, advice in told.items() if advice] == [name]
        assert told[name] == (planning.FEWER if name == planning.NEIGHBOURS else planning.NARROWER)


def test_every_step_of_both_estimators_is_measured(small):
    constants = Constants.measured(SHAPE)
    for part in (constants.seconds, constants.seconds_of_more, constants.bytes, constants.bytes_of_more):
        assert set(part) == set(planning.measurable())
        assert min(part.values()) >= 0
    assert min(constants.bytes.values()) > 0


@pytest.mark.parametrize("faiss", [True, False])
def test_of_many_samples_that_is_measured_which_a_fit_does(monkeypatch, faiss):
    kinds = []
    monkeypatch.setattr(planning, "fuse", lambda *given: kinds.append(given[-1]) or SimpleNamespace(graph=None))
    monkeypatch.setattr(planning, "is_installed", lambda: faiss)
    monkeypatch.setattr(planning, "abreast", lambda n: 8 if n < 150 else 1)
    for many, n in ((150, 149), (150, 150)):
        monkeypatch.setattr(planning, "MANY", many)
        calls = dict(planning.steps(SHAPE, n))
        assert (planning.APPROXIMATE in calls) == faiss
        assert (planning.NEIGHBOURS in calls) == (n < many or not faiss)
        assert ("propagation" in calls) == (n < 150)
        calls["graph"]()
    assert kinds == ["exact", "approximate" if faiss else "exact"]


def test_neighbours_that_the_graph_finds_again_are_counted_once(monkeypatch):
    for found in ([planning.NEIGHBOURS, planning.APPROXIMATE], [planning.APPROXIMATE]):
        took = {planning.NEIGHBOURS: 5.0, planning.APPROXIMATE: 3.0, "graph": 7.0}
        now = [0.0]

        def of(name, took=took, now=now):
            return lambda: now.__setitem__(0, now[0] + took[name])

        names = [*found, "graph"]
        monkeypatch.setattr(planning, "steps", lambda *_, names=names, of=of: [(name, of(name)) for name in names])
        seconds = planning.timed(SHAPE, 10, clock=lambda now=now: now[0])
        assert seconds == {**{name: took[name] for name in found}, "graph": 7.0 - took[found[0]]}


def fake_steps(monkeypatch, *calls):
    """Steps that do what is given, whatever the shape."""
    monkeypatch.setattr(planning, "steps", lambda shape, n: ((name, lambda call=call: call(n)) for name, call in calls))


def test_steps_are_timed_on_one_thread_after_a_small_run_that_compiles(monkeypatch):
    ticks, run = iter([0.0, 3.0, 10.0, 15.0, 20.0, 24.0, 30.0, 31.0]), []
    fake_steps(monkeypatch, ("neighbours", lambda n: run.append((n, processors()))), ("graph", lambda n: None))
    with limited(3):
        # The graph found neighbours once more.
        assert planning.timed(SHAPE, 200, clock=lambda: next(ticks)) == {"neighbours": 3.0, "graph": 2.0}
        assert planning.timed(SHAPE, 200, clock=lambda: next(ticks)) == {"neighbours": 4.0, "graph": 0.0}
    assert run == [(150, 3), (200, 1)] * 2


def test_seconds_are_of_processors_and_not_of_the_wall(monkeypatch):
    fake_steps(monkeypatch, ("neighbours", lambda n: time.sleep(0.1)), ("graph", lambda n: None))
    assert planning.timed(SHAPE, 200)["neighbours"] < 0.05


def test_peaks_are_of_each_step_with_what_was_made_before(monkeypatch):
    made = []
    calls = lambda n: made.append(np.ones(n)), lambda n: np.ones(5 * n).sum(), lambda n: np.ones(2 * n).sum()
    fake_steps(monkeypatch, *zip("abc", calls, strict=True))
    peaks = planning.traced(SHAPE, 100_000)
    assert [round(peaks[name] / 8e5) for name in "abc"] == [1, 6, 3]
    fake_steps(monkeypatch, ("a", lambda n: 1 / 0))
    with pytest.raises(ZeroDivisionError, match="division by zero"):
        planning.traced(SHAPE, 100)
    assert not tracemalloc.is_tracing()


def test_constants_are_of_both_sizes_in_their_order(monkeypatch):
    monkeypatch.setattr(planning, "timed", lambda shape, n: {"graph": float(n)})
    monkeypatch.setattr(planning, "traced", lambda shape, n: {"graph": -float(n)})
    assert Constants.measured(SHAPE) == Constants(*({"graph": float(n)} for n in (*TIMED, *(-n for n in TRACED))))


@pytest.mark.parametrize(("features", "variance"), [(1, 5.0), (16, 2.0)])
def test_generated_views_are_clouds_around_means(features, variance):
    rng, shape = np.random.default_rng(0), Shape(1, features, 40_000, 4)
    view = planning.generated(np.arange(40_000), shape, rng)
    assert view.var() == pytest.approx(variance, rel=0.03)
    again = planning.generated(np.zeros(4000, dtype=int), shape, rng)
    assert again.var(axis=0) == pytest.approx(np.ones(features), rel=0.1)


def test_as_many_neighbours_are_looked_for_as_a_fit_looks_for_and_few_samples_are_labelled(monkeypatch):
    counts, labelled = [], []
    monkeypatch.setattr(planning, "nearest", lambda some, others, count, *_: counts.append(count))
    monkeypatch.setattr(planning, "propagate", lambda graph, known, *_: labelled.append(np.mean(known[0] >= 0)))
    for name, call in planning.steps(SHAPE, 400):
        if name in ("neighbours", "graph", "network", "propagation"):
            call()
    assert counts == [edges.count_sought(planning.CANDIDATES * SHAPE.neighbors, 400, "adaptive")] * SHAPE.views
    assert 0 < labelled[0] < 0.1


def test_class_by_class_is_the_same_propagation(monkeypatch):
    asked = []
    propagate = planning.propagate
    monkeypatch.setattr(planning, "propagate", lambda *given: asked.append(propagate(*given)[0]) or asked[-1:])
    for name, call in planning.steps(SHAPE, 150):
        if name in ("neighbours", "graph", "network", "propagation", planning.APART):
            call()
    together, *apart = asked
    assert np.hstack(apart) == pytest.approx(together, rel=1e-9)


def test_the_steps_make_the_graph_that_a_fit_makes(monkeypatch):
    """So that what is measured is what a fit does: the classifier's graphs, and the clusters' embedding."""
    from dsrl_ref.multiview import DSRLClustering

    made = {}
    for name, function in (("fuse", planning.fuse), ("learn_graph", planning.learn_graph)):
        monkeypatch.setattr(
            planning, name, lambda *a, _name=name, _of=function, **b: made.setdefault(_name, _of(*a, **b))
        )
    monkeypatch.setattr(planning, "k_means", lambda points, *_: made.setdefault("embedding", points))
    given = {}
    generated = planning.generated
    monkeypatch.setattr(planning, "generated", lambda *a: given.setdefault(len(given), generated(*a)))
    for _, call in planning.steps(SHAPE, 150):
        call()
    fitted = DSRLClustering(SHAPE.classes, n_neighbors=SHAPE.neighbors, random_state=0).fit(list(given.values()))
    assert (made["fuse"].graph != fitted.affinity_matrix_).nnz == 0
    assert (made["learn_graph"].graph != fitted.graph_).nnz == 0
    assert np.array_equal(made["embedding"], fitted.embedding_)
