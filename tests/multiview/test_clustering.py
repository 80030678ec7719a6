"""The clusterer: what it embeds, what k-means is given, and the authors' preset, against dense eigenvectors."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from peaks import with_peak
from scipy.sparse import block_diag, csr_array
from strategies import examples
from views import GRAPH, LABELS, VIEWS

from dsrl_ref import Fidelity, Objective, forward, memory
from dsrl_ref.errors import GraphWarning, SizeError, StartWarning
from dsrl_ref.multiview import (
    DSRLClustering,
    assembly,
    clustering,
    clustering_scores,
    complementary_views,
    load_dataset,
    neighbors,
    similarity_graph,
)
from dsrl_ref.multiview.spectral import eigengap, embed, k_means, row_affinity
from dsrl_ref.training import fit


def directions(affinity, power, dimensions):
    """Cosines between samples in the top eigenvectors of D^power A D^power."""
    roots = np.diag(affinity.sum(axis=1) ** power)
    top = np.linalg.eigh(roots @ affinity @ roots)[1][:, ::-1][:, :dimensions]
    top /= np.linalg.norm(top, axis=1, keepdims=True)
    return top @ top.T


def between_rows(X):
    affinity = np.exp(-(((X[:, np.newaxis] - X) ** 2).sum(axis=2)) / len(X))
    return affinity - np.eye(len(X))


@pytest.fixture
def seen(monkeypatch):
    """What k-means was given, call by call: points, clusters, restarts."""
    calls = []
    monkeypatch.setattr(clustering, "k_means", lambda *given: calls.append(given[:3]) or k_means(*given))
    return calls


def test_clusters_what_no_view_separates():
    together = DSRLClustering(4, random_state=0).fit_predict(VIEWS)
    alone = [DSRLClustering(4, random_state=0).fit_predict(view) for view in VIEWS]
    assert clustering_scores(LABELS, together)["accuracy"] > 0.9
    assert max(clustering_scores(LABELS, found)["accuracy"] for found in alone) < 0.9


def test_the_embeddings_before_and_after_the_network_are_side_by_side(seen):
    model = DSRLClustering(4, n_init=3, random_state=0).fit(VIEWS, y=LABELS)
    before, after = model.embedding_[:, :4], model.embedding_[:, 4:]
    assert model.embedding_.shape == (120, 8)
    assert before @ before.T == pytest.approx(directions(model.affinity_matrix_.toarray(), -0.5, 4), abs=1e-8)
    assert after @ after.T == pytest.approx(directions(model.graph_.toarray(), -0.5, 4), abs=1e-8)
    ((points, clusters, restarts),) = seen
    assert points is model.embedding_
    assert (clusters, restarts) == (4, 3)
    found = model.fit_predict(VIEWS)
    assert found.tolist() == model.labels_.tolist()
    found += 1  # the caller's own, other than `labels_`
    assert found.tolist() == (model.labels_ + 1).tolist()


def test_rows_are_the_eigenvectors_of_their_affinity():
    model = DSRLClustering(4, embedding="rows", random_state=0).fit(VIEWS)
    expected = directions(between_rows(model.graph_.toarray()), -0.5, 4)
    assert model.embedding_ @ model.embedding_.T == pytest.approx(expected, abs=1e-6)
    assert model.embedding_.shape == (120, 4)


def test_the_preset_is_the_authors_program(seen):
    model = DSRLClustering(4, preset="authors", n_neighbors=6, epochs=30, n_init=50, random_state=3).fit(VIEWS)
    W = similarity_graph(VIEWS, 6).toarray()
    with pytest.warns(StartWarning):
        learned = fit(Objective(Fidelity(W), layers=11), method="authors", epochs=30)
    X = forward(Fidelity(W), learned.theta, learned.L, 11)[-1]
    expected = directions(between_rows(X), 0.5, 4)
    assert model.embedding_ @ model.embedding_.T == pytest.approx(expected, abs=1e-8)
    assert [restarts for _, _, restarts in seen] == [1]
    assert np.array_equal(model.labels_, k_means(model.embedding_, 4, 1, np.random.default_rng(3)))


def test_the_preset_trains_for_45_epochs():
    assert DSRLClustering(4, preset="authors", random_state=0).fit(VIEWS).n_iter_ == 45


def test_half_of_a_precomputed_graph_is_kept_unless_another_share_is_asked():
    given = {keep: DSRLClustering(4, affinity="precomputed", keep=keep).fit(GRAPH) for keep in (None, 0.5, 0.3)}
    assert (given[None].graph_ != given[0.5].graph_).nnz == 0
    assert given[None].graph_.nnz >= 0.5 * GRAPH.nnz > given[0.3].graph_.nnz
    assert (given[0.3].share, DSRLClustering().share) == (0.3, 0.25)


def test_the_result_does_not_depend_on_the_run_but_on_the_seed(seen):
    first, second = (DSRLClustering(4, random_state=3).fit(VIEWS) for _ in range(2))
    assert np.array_equal(first.labels_, second.labels_)
    assert np.array_equal(first.embedding_, second.embedding_)
    points = first.embedding_
    assert np.array_equal(first.labels_, k_means(points, 4, 10, np.random.default_rng(3)))
    other = DSRLClustering(4, n_init=1, random_state=np.random.default_rng(7)).fit(VIEWS)
    assert np.array_equal(other.labels_, k_means(points, 4, 1, np.random.default_rng(7)))
    assert [restarts for _, _, restarts in seen] == [10, 10, 1]


def test_k_clusters_of_k_samples_and_one_of_all():
    few = [view[:6] for view in VIEWS]
    assert len(set(DSRLClustering(6, n_neighbors=4, random_state=0).fit_predict(few))) >= 5
    assert set(DSRLClustering(1, n_neighbors=4).fit_predict(few)) == {0}


def test_many_neighbours_of_more_samples_than_are_looked_at(monkeypatch):
    monkeypatch.setattr(neighbors, "SAMPLED", 30)
    assert len(set(DSRLClustering(4, n_neighbors=20, random_state=0).fit_predict(VIEWS))) == 4


def test_few_epochs_are_told():
    with pytest.warns(GraphWarning, match="after 2 epochs only .*% of the edges are kept, not 25.0%"):
        DSRLClustering(4, epochs=2).fit(VIEWS)
    with pytest.warns(GraphWarning, match="the network kept no edge: take other epochs"):
        DSRLClustering(4, preset="authors", epochs=1).fit(VIEWS)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_clusters": 121}, r"n_clusters = 121 is more than the 120 samples \(n_samples\)"),
        ({"n_clusters": 0}, "n_clusters must be at least 1, got 0"),
        ({"embedding": "umap"}, "embedding must be one of 'graph', 'rows', got 'umap'"),
        ({"n_init": 0}, "n_init must be at least 1, got 0"),
        ({"random_state": -1}, "random_state = -1: "),
        ({"affinity": "precomputed"}, r"X must be a square matrix for affinity='precomputed', got shape \(120, 10\)"),
    ],
)
def test_bad_parameters_are_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        DSRLClustering(**parameters).fit(VIEWS[0])


@pytest.mark.parametrize("samples", [400, pytest.param(1797, marks=pytest.mark.nightly)])
def test_the_digits_are_clustered(samples):
    views, labels = load_dataset("digits")
    found = DSRLClustering(10, random_state=0).fit_predict([view[:samples] for view in views])
    assert clustering_scores(labels[:samples], found)["accuracy"] > 0.8 + 0.05 * (samples > 400)


SEEN, NEW = [view[:90] for view in VIEWS], [view[90:] for view in VIEWS]


@pytest.fixture(scope="module")
def model():
    """Fitted once, to all but the last 30 samples."""
    return DSRLClustering(4, random_state=0).fit(SEEN)


def test_new_samples_join_the_clusters_of_their_neighbours(model):
    """By scalar loops over the links, of which the network keeps some."""
    links = model._fitted.seen.joiner(NEW).toarray()
    kept = model.scale_ * forward(Fidelity(links / model.scale_), model.theta_, model.L_, 11)[-1]
    expected = []
    for row, before in zip(kept, links, strict=True):
        row = row if row.any() else before
        counts = [sum(weight for weight, label in zip(row, model.labels_, strict=True) if label == c) for c in range(4)]
        expected.append(int(np.argmax(counts)))
    assert model.predict(NEW).tolist() == expected
    together = np.concatenate([model.labels_, model.predict(NEW)])
    assert clustering_scores(LABELS, together)["accuracy"] > 0.9


@pytest.mark.parametrize("parameters", [{}, {"preset": "authors"}, {"embedding": "rows", "weights": "heat"}], ids=str)
def test_samples_that_fit_saw_keep_their_clusters(parameters):
    model = DSRLClustering(3, random_state=0, **parameters).fit(SEEN)
    assert np.array_equal(model.predict(SEEN), model.labels_)
    assert model.predict([view[[7]] for view in SEEN]).tolist() == [model.labels_[7]]


@examples(10)
@given(order=st.permutations(range(30)), alone=st.integers(0, 29))
def test_new_samples_do_not_change_one_another_nor_does_their_order(order, alone, model):
    together = model.predict(NEW)
    assert np.array_equal(model.predict([view[list(order)] for view in NEW]), together[list(order)])
    assert model.predict([view[[alone]] for view in NEW]).tolist() == [together[alone]]


def test_predicting_needs_a_fit_and_not_the_parameters_that_came_after_it(model):
    with pytest.raises(ValueError, match="This DSRLClustering instance is not fitted yet"):
        DSRLClustering().predict(NEW)
    other = DSRLClustering(4, random_state=0).fit(SEEN).set_params(n_clusters=2, n_neighbors=3, affinity="precomputed")
    assert np.array_equal(other.predict(NEW), model.predict(NEW))


def test_a_sample_without_a_neighbour_is_in_no_cluster():
    graph = GRAPH.toarray()
    model = DSRLClustering(4, affinity="precomputed", random_state=0).fit(graph[:90, :90])
    rows = graph[90:, :90].copy()
    rows[[3, 8]] = 0
    with pytest.warns(
        GraphWarning, match=r"2 of 30 samples have no neighbour .* sample 3: their cluster is -1"
    ) as warned:
        found = model.predict(rows)
    assert [Path(each.filename).name for each in warned] == [Path(__file__).name]
    assert np.flatnonzero(found == -1).tolist() == [3, 8]
    assert np.array_equal(np.delete(found, [3, 8]), model.predict(np.delete(rows, [3, 8], axis=0)))


def test_a_link_that_the_network_takes_away_counts_where_there_is_no_other():
    model = DSRLClustering(4, affinity="precomputed", random_state=0).fit(GRAPH)
    weak = np.zeros((2, 120))
    weak[0, 40], weak[1, [41, 42]] = 1e-9, (1e-9, 1.0)
    assert model.predict(weak).tolist() == model.labels_[[40, 42]].tolist()


def test_without_a_number_the_eigengap_of_the_learned_graph_says_how_many():
    model = DSRLClustering(random_state=0, n_neighbors=6).fit(VIEWS)
    clusters, values = eigengap(model.graph_)
    assert (model.n_clusters_, model.eigenvalues_.tolist()) == (clusters, values.tolist())
    assert clusters != eigengap(model.affinity_matrix_)[0]
    assert model.n_clusters is None
    asked = DSRLClustering(clusters, random_state=0, n_neighbors=6).fit(VIEWS)
    assert np.array_equal(asked.labels_, model.labels_)
    assert np.array_equal(asked.embedding_, model.embedding_)
    assert asked.n_clusters_ == clusters
    with pytest.raises(AttributeError, match="DSRLClustering has no eigenvalues_"):
        _ = asked.eigenvalues_


@pytest.mark.parametrize("parameters", [{"preset": "authors"}, {"embedding": "rows"}], ids=str)
def test_every_embedding_can_be_asked_how_many(parameters):
    model = DSRLClustering(random_state=0, **parameters).fit(VIEWS)
    assert model.n_clusters_ == eigengap(model.graph_)[0] == model.embedding_.shape[1]


def test_four_groups_are_found_where_they_are_far_apart():
    views, labels = complementary_views(random_state=0)
    assert clustering_scores(labels, DSRLClustering(random_state=0).fit_predict(views))["accuracy"] > 0.95


def test_fewer_clusters_than_asked_are_told():
    pairs = np.zeros((12, 12))
    pairs[0, 1] = pairs[1, 0] = pairs[2, 3] = pairs[3, 2] = 1.0
    with pytest.warns(GraphWarning, match="only 3 of 5 clusters came out: .*take fewer clusters") as warned:
        model = DSRLClustering(5, affinity="precomputed", random_state=0).fit(pairs)
    assert [Path(each.filename).name for each in warned] == [Path(__file__).name]
    assert (len(set(model.labels_.tolist())), model.n_clusters_) == (3, 5)


@pytest.mark.parametrize(("cliques", "clusters"), [(7, 3), (8, 2), (8, 3)])
def test_equal_components_are_never_one_cluster(cliques, clusters):
    graph = np.kron(np.eye(cliques), np.ones((10, 10)))
    lost = 10 * (cliques - clusters)
    said = f"falls into {cliques} parts, more than {clusters} clusters: {lost} of {10 * cliques} samples, the first"
    with pytest.warns(GraphWarning, match=said) as warned:
        model = DSRLClustering(clusters, affinity="precomputed", random_state=0).fit(graph)
    nowhere = np.flatnonzero(~model.embedding_.any(axis=1))
    assert (len(nowhere), f"them sample {nowhere[0]}, are told apart no more" in str(warned[0].message)) == (lost, True)
    assert [Path(each.filename).name for each in warned] == [Path(__file__).name]
    assert len(set(model.labels_.tolist())) == clusters
    assert all(len(set(model.labels_[i : i + 10].tolist())) == 1 for i in range(0, 10 * cliques, 10))


def test_links_that_the_network_takes_away_do_not_outvote_those_that_it_keeps():
    model = DSRLClustering(4, affinity="precomputed", random_state=0).fit(GRAPH)
    tried = np.linspace(0.01, 1, 100)
    made = forward(Fidelity(tried[np.newaxis]), model.theta_, model.L_, 11)[-1][0]
    weak, strong = model.scale_ * tried[made <= 0].max(), model.scale_
    one, many = np.flatnonzero(model.labels_ == 0)[:1], np.flatnonzero(model.labels_ == 1)
    assert many.size * weak > strong
    row = np.zeros((1, 120))
    row[0, many], row[0, one] = weak, strong
    assert model.predict(row).tolist() == [0]


@pytest.mark.usefixtures("uncounted")
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_no_more_threads_are_taken_than_asked_for(n_jobs):
    model = DSRLClustering(4, random_state=0, n_jobs=n_jobs).fit(VIEWS)
    assert len(model.predict([view[:7] + 1 for view in VIEWS])) == 7


def test_a_bad_number_of_threads_is_refused_before_the_work():
    with pytest.raises(ValueError, match="n_jobs must be -1, for all processors, or at least 1, got 0"):
        DSRLClustering(4, random_state=0, n_jobs=0).fit([])


def test_a_ring_has_no_number_of_clusters():
    """Its eigenvalues are cosines, all near 1."""
    ring = np.roll(np.eye(200), 1, axis=1) + np.roll(np.eye(200), -1, axis=1)
    with pytest.warns(
        GraphWarning, match=r"the eigenvalues tell no number: the largest gap is 0\.0\d+, behind \d+; give"
    ):
        DSRLClustering(affinity="precomputed", keep=1, random_state=0).fit(ring)


def test_more_parts_than_the_bound_are_as_many_clusters():
    parts = np.kron(np.eye(40), 1 - np.eye(4))
    model = DSRLClustering(affinity="precomputed", random_state=0).fit(parts)
    assert model.n_clusters_ == 40
    assert model.eigenvalues_.tolist() == [1.0] * 21


@pytest.mark.parametrize(
    ("parameters", "advice"),
    [
        ({"embedding": "rows"}, "embedding='rows' holds .*; take embedding='graph'"),
        ({"preset": "authors"}, "preset='authors' holds .*; leave preset out"),
    ],
)
def test_what_holds_the_square_of_the_samples_is_refused_before_any_work(monkeypatch, parameters, advice):
    monkeypatch.setattr(memory, "free_memory", lambda: 24 * 120**2 - 1)
    monkeypatch.setattr(DSRLClustering, "_seen", lambda *_: pytest.fail("the graph was built"))
    with pytest.raises(SizeError, match=rf"^{advice}$"):
        DSRLClustering(4, **parameters).fit(VIEWS)


def test_the_affinity_of_rows_takes_no_more_memory_than_is_said(monkeypatch):
    monkeypatch.setattr(assembly, "BLOCK", 2**12)
    graph = DSRLClustering(4, random_state=0).fit(VIEWS).graph_
    large = csr_array(block_diag([graph] * 5))
    _, most = with_peak(lambda: embed(row_affinity(large), 4))
    assert 12 * 600**2 < most < 24 * 600**2 + 2**20  # beside it what does not grow with the square
