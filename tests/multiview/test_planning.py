"""Plans: what was measured at some size is carried to another, kept, and told with what to do instead."""

from dataclasses import replace

import numpy as np
import pytest

from dsrl_ref.multiview import planning
from dsrl_ref.multiview.planning import POWERS, TIMED, TRACED, Constants, Shape, plan
from dsrl_ref.threads import limited

SHAPE = Shape(views=2, features=5, classes=3, neighbors=4)
SECONDS = {name: float(place) for place, name in enumerate(POWERS, start=1)}
FEW, MORE = ({name: scale * seconds for name, seconds in SECONDS.items()} for scale in (1e6, 3e6))
CONSTANTS = Constants(SECONDS, FEW, MORE)


@pytest.fixture
def small(monkeypatch):
    """What is measured takes no time."""
    monkeypatch.setattr(planning, "TIMED", 200)
    monkeypatch.setattr(planning, "TRACED", (100, 200))


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
    return Constants(*({k: v for k, v in part.items() if k not in left_out} for part in (SECONDS, FEW, MORE)))


def test_where_it_was_measured_a_plan_says_what_was_measured():
    costs = CONSTANTS.costs(TIMED)
    assert {name: cost.seconds for name, cost in costs.items()} == SECONDS
    for n, peaks in zip(TRACED, (FEW, MORE), strict=True):
        assert {name: cost.peak for name, cost in CONSTANTS.costs(n).items()} == pytest.approx(peaks)


@pytest.mark.parametrize("times", [0.5, 2, 100])
def test_seconds_grow_by_the_power_of_the_step_and_bytes_along_a_line(times):
    costs = CONSTANTS.costs(int(TIMED * times))
    for name, power in POWERS.items():
        assert costs[name].seconds == pytest.approx(SECONDS[name] * times**power)
        slope = (MORE[name] - FEW[name]) / (TRACED[1] - TRACED[0])
        assert costs[name].peak == pytest.approx(FEW[name] + slope * (TIMED * times - TRACED[0]))


def test_bytes_that_seemed_to_fall_are_not_carried_below_0():
    falling = replace(CONSTANTS, few=MORE, more=FEW)
    assert {cost.peak for cost in falling.costs(10**9).values()} == set(MORE.values())


def test_a_whole_is_the_sum_of_its_seconds_and_the_largest_of_its_peaks():
    found = plan(SHAPE, TIMED, CONSTANTS)
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
        one = plan(SHAPE, TIMED, CONSTANTS)
    with limited(4):
        four = plan(SHAPE, TIMED, CONSTANTS)
    for a, b in zip(one.steps, four.steps, strict=True):
        assert a.seconds / b.seconds == (4 if a.name == planning.NEIGHBOURS else 1)


def test_many_samples_have_approximate_neighbours_where_there_is_faiss(installed):
    kinds = planning.NEIGHBOURS, planning.APPROXIMATE
    for n, many in ((planning.MANY - 1, False), (planning.MANY, True)):
        found = plan(SHAPE, n, measured(installed))
        (search,) = (step for step in found.steps if step.name in kinds)
        assert search.name == kinds[installed and many]
        assert all(search.seconds <= whole.seconds for whole in found.totals)
        assert len(found.steps) == len(POWERS) - 1
    assert planning.measurable() == [*measured(installed).seconds]


def test_what_takes_too_long_or_does_not_fit_has_advice_and_nothing_else_has():
    found = plan(SHAPE, TIMED, CONSTANTS)
    assert not any(step.advice for step in found.steps)
    for name in set(POWERS) - {planning.APPROXIMATE}:
        slow = replace(CONSTANTS, seconds={**SECONDS, name: 1e4})
        large = replace(CONSTANTS, few={**FEW, name: 1e15}, more={**MORE, name: 1e15})
        for constants in (slow, large):
            told = {step.name: step.advice for step in plan(SHAPE, TIMED, constants).steps}
            assert [step for step, advice in told.items() if advice] == [name]
        assert "more memory than is free" in told[name]


def test_every_step_of_both_estimators_is_measured(small):
    constants = Constants.measured(SHAPE)
    assert set(constants.seconds) == set(constants.few) == set(constants.more) == set(planning.measurable())
    assert min(constants.seconds.values()) >= 0
    assert min(constants.few.values()) > 0


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
