"""The learned graph: where training stops, what is kept, and that it is what the network makes of each weight."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from strategies import dyadic, examples, thetas
from views import hard_views, naive_graph, standard

from dsrl_ref import ScalarMap, Theta, forward
from dsrl_ref.errors import GraphWarning, StartWarning
from dsrl_ref.multiview import learning
from dsrl_ref.multiview.learning import LearnedGraph, count_kept, learn_as_authors, learn_graph, mixed
from dsrl_ref.objective import Objective
from dsrl_ref.progress import reported
from dsrl_ref.smooth import Fidelity
from dsrl_ref.status import Status
from dsrl_ref.training import fit

GRAPH = csr_array(np.mean([naive_graph(standard(view), 6, "heat") for view in hard_views(40)[0]], axis=0))
TRAINING = {"layers": 11, "epochs": 300, "learning_rate": 0.02}


@pytest.mark.parametrize("keep", [0.1, 0.5, 1.0])
def test_learning_stops_where_the_share_of_edges_is_kept(keep):
    learned = learn_graph(GRAPH, keep=keep, **TRAINING)
    assert keep <= learned.graph.nnz / GRAPH.nnz <= keep + 0.2
    assert np.count_nonzero(learned.apply(GRAPH.data)) >= keep * GRAPH.nnz
    with pytest.warns(GraphWarning, match=r"only .*% of the edges are kept, not 100.0%; raise epochs or learning_rate"):
        earlier = learn_graph(GRAPH, keep=1.0, **{**TRAINING, "epochs": len(learned.losses) - 1})
    assert np.count_nonzero(earlier.apply(GRAPH.data)) < keep * GRAPH.nnz
    assert earlier.losses.tolist() == learned.losses[:-1].tolist()


def test_a_share_that_is_met_exactly_is_met():
    first = learn_graph(GRAPH, keep=0.5, **TRAINING)
    share = np.count_nonzero(first.apply(GRAPH.data)) / GRAPH.nnz
    again = learn_graph(GRAPH, keep=share, **{**TRAINING, "epochs": len(first.losses)})
    assert len(again.losses) == len(first.losses)


def test_a_few_outstanding_weights_do_not_stop_the_training():
    dense = 0.03 * GRAPH.toarray()
    dense[[0, 1, 1, 2, 2, 3], [1, 0, 2, 1, 3, 2]] = 1.0
    dense[3, 4] = dense[4, 3] = 1.0  # once these four are learned, the loss stands still for more than ten epochs
    learned = learn_graph(csr_array(dense), keep=0.25, **TRAINING)
    assert learned.graph.nnz >= 0.25 * GRAPH.nnz
    assert len(learned.losses) < 100


def test_the_learned_graph_is_the_networks_output():
    learned = learn_graph(GRAPH, keep=0.5, **{**TRAINING, "layers": 5})
    largest = GRAPH.data.max()
    output = largest * forward(Fidelity(GRAPH / largest), learned.theta, learned.L, 5)[-1].toarray()
    joined = learned.graph.toarray() != 0
    alone = ~(output != 0).any(axis=1)
    usual = joined & ~alone & ~alone[:, np.newaxis]
    assert usual.any()
    assert learned.graph.toarray()[usual] == pytest.approx(output[usual], rel=1e-12, abs=1e-15)
    assert learned.scale == largest
    assert learned.losses[-1] == pytest.approx(
        Objective(Fidelity(GRAPH / largest), layers=5)(learned.theta, learned.L)[0]
    )


def test_the_unit_of_the_weights_does_not_matter():
    expected, found = (learn_graph(unit * GRAPH, keep=0.5, **TRAINING) for unit in (1.0, 8.0))
    assert found.scale == 8 * expected.scale
    assert found.graph.toarray() == pytest.approx(8 * expected.graph.toarray(), rel=1e-12)
    assert found.losses == pytest.approx(expected.losses, rel=1e-12)


def test_a_learned_network_is_one_function_of_a_weight(monkeypatch):
    learned = LearnedGraph(GRAPH, Theta(0.5, 1.0, 0.25, 0.75), 1.0, 4.0, np.empty(0), 1)
    weights = np.array([-4.0, 0.0, 1.0, 2.0, 3.0, 5.0])  # 4 ξ(w/4): knots at 1 and 3, slopes ½ and 1
    assert learned.apply(weights).tolist() == [0, 0, 0, 0.5, 1, 3]
    monkeypatch.setattr(learning, "BLOCK", 5)
    assert learned.apply(weights).tolist() == [0, 0, 0, 0.5, 1, 3]


NETWORKS = [
    ((1.0, 0.6, 0.2, 0.7), 1.0, 3, 1),
    ((0.8, 0.5, 0.1, 0.3), 4.0, 3, 1),
    ((4.0, 0.7, 0.62, 0.82), 0.22, 3, 2),  # keeps some weights, and takes smaller and larger ones away
    ((1.0, 1.0, 0.25, 0.25), 1.0, 1, 1),
]


def one_by_one(network, ascending):
    """How many weights the network maps above 0."""
    return int(np.count_nonzero(network(ascending) > 0))


@pytest.mark.parametrize(("theta", "L", "layers", "turns"), NETWORKS)
def test_what_is_kept_is_counted_without_looking_at_all(theta, L, layers, turns):
    network, rng = ScalarMap(theta, L, layers), np.random.default_rng(0)
    kept = network(np.linspace(0, 1.5, 301)) > 0
    assert np.count_nonzero(kept[1:] != kept[:-1]) == turns
    near = np.nextafter(network.breakpoints[:, np.newaxis], [-9.0, 9.0]).ravel()
    for weights in (
        1.5 * rng.random(200),
        np.full(7, 0.01),
        np.full(7, 9.0),
        np.repeat(rng.random(9), 5),
        np.zeros(0),
        np.repeat([*network.breakpoints, *network.intervals[np.isfinite(network.intervals)], *near], 3),
    ):
        ascending = np.sort(weights)
        assert count_kept(network, ascending) == one_by_one(network, ascending)


class Looked(np.ndarray):
    """Numbers that count how many of them are looked at one by one."""

    looks = 0

    def __getitem__(self, place):
        Looked.looks += isinstance(place, int)
        return super().__getitem__(place)


def test_of_a_million_weights_a_few_are_looked_at():
    weights = np.linspace(0.0, 1.5, 1_000_001).view(Looked)
    for theta, L, layers, _ in NETWORKS:
        network, Looked.looks = ScalarMap(theta, L, layers), 0
        count = count_kept(network, weights)
        assert 0 < Looked.looks <= 21 * len(network.slopes)
        assert count == one_by_one(network, np.asarray(weights))


@examples(100)
@given(
    thetas(),
    st.one_of(st.floats(0.3, 4.0), dyadic(0, 4).filter(bool)),
    st.integers(1, 4),
    st.lists(st.floats(-2.0, 2.0), max_size=30),
)
def test_every_network_counts_what_it_keeps(theta, L, layers, weights):
    """Weights next to the ends of pieces too, where rounding decides what is kept."""
    network = ScalarMap(tuple(map(float, theta)), float(L), layers)
    ends = network.intervals[np.isfinite(network.intervals)]
    ascending = np.sort([*weights, *ends, *np.nextafter(ends, 9), *np.nextafter(ends, -9), *network.breakpoints])
    assert count_kept(network, ascending) == one_by_one(network, ascending)


def test_labels_spread_over_a_quarter_of_the_candidates_beside_what_is_learned():
    learned = learn_graph(GRAPH, keep=0.25, **TRAINING).graph
    found = mixed(GRAPH, learned).toarray()
    candidates, rest = (each.toarray() / (each.sum() / 40) for each in (GRAPH, learned))
    assert found == pytest.approx(0.25 * candidates + 0.75 * rest, rel=1e-12)
    assert found.sum() / 40 == pytest.approx(1, rel=1e-12)
    assert np.array_equal(found != 0, GRAPH.toarray() != 0)
    assert mixed(7.0 * GRAPH, 0.1 * learned).toarray() == pytest.approx(found, rel=1e-12)
    assert mixed(csr_array((3, 3)), csr_array((3, 3))).nnz == 0


def test_no_sample_loses_its_last_edge():
    dense = np.zeros((9, 9))
    dense[:4, :4] = 1 - np.eye(4)
    dense[0, 1] = dense[1, 0] = 0.8
    dense[4, 5] = dense[5, 4] = 0.01
    dense[6, 7] = dense[7, 6] = 0.02  # 6 has a weaker and a stronger edge, and 8 none
    dense[4, 6] = dense[6, 4] = 0.004
    learned = learn_graph(csr_array(dense), keep=0.65, **TRAINING)
    least = learned.graph.toarray()[0, 1]
    assert 0 < least < learned.graph.toarray()[0, 2]
    assert (learned.graph != learned.graph.T).nnz == 0
    expected = np.zeros((9, 9))
    expected[[4, 5, 6, 7], [5, 4, 7, 6]] = least
    assert np.array_equal(learned.graph.toarray()[4:], expected[4:])


def test_where_nothing_is_left_every_sample_has_its_strongest_edge():
    with pytest.warns(GraphWarning, match=r"after 1 epochs only 0\.0% of the edges are kept, not 50\.0%"):
        learned = learn_graph(GRAPH, keep=0.5, **{**TRAINING, "epochs": 1})
    dense = GRAPH.toarray()
    expected = np.zeros(dense.shape)
    for i in range(len(dense)):
        j = int(dense[i].argmax())
        expected[i, j] = expected[j, i] = 1
    assert np.array_equal(learned.graph.toarray(), expected)
    assert len(learned.losses) == 1


def test_of_some_rows_the_links_are_those_that_they_have_among_all():
    samples, others = np.array([1, 4, 8]), np.array([7, 2, 0])
    whole = learning.linked(csr_array((9, 9)), samples, others, 0.5)
    assert sorted(zip(*whole.nonzero(), strict=True)) == [(0, 8), (1, 7), (2, 4), (4, 2), (7, 1), (8, 0)]
    assert (whole.indices.dtype, whole.indptr.dtype) == (np.int32, np.int32)
    for first in (0, 3, 6):
        part = learning.linked(csr_array((3, 9)), samples, others, 0.5, first)
        assert np.array_equal(part.toarray(), whole.toarray()[first : first + 3])


def test_a_graph_without_edges_stays_one():
    learned = learn_graph(csr_array((5, 5)), keep=0.5, **TRAINING)
    assert (learned.graph.nnz, learned.scale, len(learned.losses)) == (0, 1.0, 1)


def test_a_learning_rate_that_is_too_large_is_named():
    with pytest.raises(ValueError, match=r"learning_rate = 5 is too large: training came to L = -"):
        learn_graph(GRAPH, keep=0.5, **{**TRAINING, "learning_rate": 5})


def test_training_starts_where_the_authors_do_and_leaves_that_as_it_was():
    learned = learn_graph(GRAPH, keep=1e-9, **TRAINING)
    assert learning.START.tolist() == [1, 1, 1, 2, 1]
    scaled = GRAPH / GRAPH.data.max()
    assert learned.losses[0] == pytest.approx(0.5 * (scaled.data**2).sum())  # all is below the knot 1


def test_graphs_are_left_as_they_are():
    graph = GRAPH.copy()
    learn_graph(graph, keep=0.5, **TRAINING)
    learn_as_authors(graph, layers=11, epochs=30, learning_rate=0.02)
    assert np.array_equal(graph.data, GRAPH.data)
    assert np.array_equal(graph.indices, GRAPH.indices)


def test_the_authors_training_takes_its_epochs_on_the_graph_as_it_is():
    W = 0.9 * GRAPH.toarray()
    learned = learn_as_authors(csr_array(W), layers=11, epochs=50, learning_rate=0.03)
    with pytest.warns(StartWarning):
        expected = fit(Objective(Fidelity(W), layers=11), method="authors", epochs=50, learning_rate=0.03)
    output = forward(Fidelity(W), expected.theta, expected.L, 11)[-1]
    assert learned.graph.toarray() == pytest.approx(output, rel=1e-9, abs=1e-15)
    assert learned.graph.nnz == np.count_nonzero(output) > 0
    assert (learned.scale, learned.layers) == (1.0, 11)
    assert learned.losses == pytest.approx(expected.history["loss"])


def test_verbose_tells_every_epoch_and_how_many_edges_are_kept(capsys):
    learned = learn_graph(GRAPH, keep=0.5, **TRAINING)
    learn_graph(GRAPH, keep=0.5, **TRAINING, verbose=False)
    assert capsys.readouterr() == ("", "")
    learn_graph(GRAPH, keep=0.5, **TRAINING, verbose=True)
    printed = capsys.readouterr()
    lines, share = printed.err.splitlines(), np.count_nonzero(learned.apply(GRAPH.data)) / GRAPH.nnz
    assert printed.out == ""
    assert len(lines) == len(learned.losses)
    assert lines[0] == "learning a graph: epoch 1 of at most 300, 0.0% of the edges are kept"
    assert lines[-1] == f"learning a graph: epoch {len(lines)} of at most 300, {share:.1%} of the edges are kept"
    told = []
    with reported(None, lambda text, share, left: told.append(share)):
        learn_graph(GRAPH, keep=0.5, **TRAINING)
    assert told == [epoch / 300 for epoch in range(1, len(lines) + 1)]
    learn_as_authors(GRAPH, layers=11, epochs=50, learning_rate=0.03, verbose=True)
    assert capsys.readouterr().err.count("fit: epoch ") == 50


@pytest.mark.parametrize(
    ("status", "error", "message"),
    [
        (Status.INTERRUPTED, KeyboardInterrupt, "^$"),
        (Status.STOPPED, ValueError, "learning_rate = 0.02 is too large: the network"),
    ],
)
def test_the_authors_training_that_has_not_come_to_its_end_gives_no_graph(monkeypatch, status, error, message):
    monkeypatch.setattr(learning, "fit", lambda *_, **__: SimpleNamespace(status=status, message="the network"))
    with pytest.raises(error, match=message):
        learn_as_authors(GRAPH, layers=11, epochs=30, learning_rate=0.02)


def test_the_authors_training_tells_where_it_kept_nothing():
    with pytest.warns(GraphWarning, match="the network kept no edge: take other epochs or a smaller learning_rate"):
        learned = learn_as_authors(GRAPH, layers=11, epochs=1, learning_rate=0.02)
    assert learned.graph.nnz == 0
    assert learn_as_authors(csr_array((5, 5)), layers=11, epochs=1, learning_rate=0.02).graph.nnz == 0
