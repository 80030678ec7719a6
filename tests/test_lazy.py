"""What is not in memory is refused by name at every door, and never computed, read or turned into a number."""

import numpy as np
import pytest
from not_in_memory import KINDS, lazy

import dsrl_ref
from dsrl_ref import arrays
from dsrl_ref.multiview import DSRLClassifier, DSRLClustering, clustering_scores, similarity_graph

W = np.eye(4)
VIEWS = [np.random.default_rng(v).normal(size=(8, 3)) for v in range(2)]
LABELS = [0, 1, 0, 1, -1, -1, -1, -1]
THETA = dsrl_ref.Theta(1, 1, 0.5, 0.5)
F = dsrl_ref.LeastSquares(W, W)
J = dsrl_ref.Objective(F, W, layers=2)
CLASSIFIER = DSRLClassifier(n_neighbors=2).fit(VIEWS, LABELS)
MATRIX, VECTOR, NUMBER, SAMPLES = (4, 4), (4,), (), (8,)
# What is called, with what in place of one argument, and of what shape.
DOORS = {
    "Fidelity W": (dsrl_ref.Fidelity, MATRIX),
    "Fidelity, rows": (lambda x: dsrl_ref.Fidelity([[1.0, 2.0, 3.0, 4.0], x]), VECTOR),
    "LeastSquares D": (lambda x: dsrl_ref.LeastSquares(x, W), MATRIX),
    "LeastSquares Y": (lambda x: dsrl_ref.LeastSquares(W, x), MATRIX),
    "Objective target": (lambda x: dsrl_ref.Objective(F, x, layers=2), MATRIX),
    "Objective x0": (lambda x: dsrl_ref.Objective(F, W, layers=2, x0=x), MATRIX),
    "Objective layers": (lambda x: dsrl_ref.Objective(F, W, layers=x), NUMBER),
    "Objective threads": (lambda x: dsrl_ref.Objective(F, W, layers=2, threads=x), NUMBER),
    "J theta": (lambda x: J(x, 1.0), VECTOR),
    "J L": (lambda x: J(THETA, x), NUMBER),
    "J flat": (J.flat, (5,)),
    "J free": (J.free, (5,)),
    "J from_free": (J.from_free, (5,)),
    "J to_free": (lambda x: J.to_free(x, 1.0), VECTOR),
    "J gauss_newton": (lambda x: J.gauss_newton(x, 1.0), VECTOR),
    "J ties": (lambda x: J.ties(x, 1.0), VECTOR),
    "loss_and_gradient": (lambda x: dsrl_ref.loss_and_gradient(F, THETA, 1.0, 2, x), MATRIX),
    "forward x0": (lambda x: dsrl_ref.forward(F, THETA, 1.0, 2, x), MATRIX),
    "forward theta": (lambda x: dsrl_ref.forward(F, x, 1.0, 2), VECTOR),
    "Theta w1": (lambda x: dsrl_ref.Theta(x, 1, 0.5, 0.5), NUMBER),
    "Theta projected": (dsrl_ref.Theta.projected, VECTOR),
    "Theta scaled": (THETA.scaled, NUMBER),
    "shrink": (lambda x: dsrl_ref.shrink(x, THETA), MATRIX),
    "region": (lambda x: dsrl_ref.region(x, THETA), MATRIX),
    "regularizer": (lambda x: dsrl_ref.regularizer(x, THETA), MATRIX),
    "regularizer_gradient": (lambda x: dsrl_ref.regularizer_gradient(x, THETA), MATRIX),
    "prox z": (lambda x: dsrl_ref.prox(x, THETA, 1.0), MATRIX),
    "prox step": (lambda x: dsrl_ref.prox(W, THETA, x), NUMBER),
    "fit theta": (lambda x: dsrl_ref.fit(J, theta=x), VECTOR),
    "fit L": (lambda x: dsrl_ref.fit(J, L=x), NUMBER),
    "fit epochs": (lambda x: dsrl_ref.fit(J, epochs=x), NUMBER),
    "solve theta": (lambda x: dsrl_ref.solve(F, x), VECTOR),
    "solve weight": (lambda x: dsrl_ref.solve(F, THETA, x), NUMBER),
    "solve x0": (lambda x: dsrl_ref.solve(F, THETA, x0=x), MATRIX),
    "solve_path weights": (lambda x: dsrl_ref.solve_path(F, THETA, x), VECTOR),
    "similarity_graph": (similarity_graph, (2, 8, 3)),
    "similarity_graph, a view": (lambda x: similarity_graph([VIEWS[0], x], n_neighbors=2), (8, 3)),
    "similarity_graph view_weights": (lambda x: similarity_graph(VIEWS, n_neighbors=2, view_weights=x), (2,)),
    "cluster": (lambda x: DSRLClustering(2).fit(x), (8, 3)),
    "cluster, a view": (lambda x: DSRLClustering(2).fit([VIEWS[0], x]), (8, 3)),
    "cluster, a graph": (lambda x: DSRLClustering(2, affinity="precomputed").fit(x), (8, 8)),
    "cluster view_sizes": (lambda x: DSRLClustering(2, view_sizes=x).fit(np.hstack(VIEWS)), (2,)),
    "cluster n_clusters": (lambda x: DSRLClustering(x).fit(VIEWS), NUMBER),
    "classify X": (lambda x: DSRLClassifier().fit(x, LABELS), (8, 3)),
    "classify y": (lambda x: DSRLClassifier(n_neighbors=2).fit(VIEWS, x), SAMPLES),
    "classify, labels": (lambda x: DSRLClassifier(n_neighbors=2).fit(VIEWS, [x, *LABELS[1:]]), NUMBER),
    "predict": (CLASSIFIER.predict, (8, 3)),
    "predict, a view": (lambda x: CLASSIFIER.predict([VIEWS[0], x]), (8, 3)),
    "score y": (lambda x: CLASSIFIER.score(VIEWS, x), SAMPLES),
    "score weights": (lambda x: CLASSIFIER.score(VIEWS, LABELS, sample_weight=x), SAMPLES),
    "true": (lambda x: clustering_scores(x, LABELS), SAMPLES),
    "predicted": (lambda x: clustering_scores(LABELS, x), SAMPLES),
    "predicted, a label": (lambda x: clustering_scores(LABELS, [x, *LABELS[1:]]), NUMBER),
}


@pytest.mark.parametrize("package", KINDS)
@pytest.mark.parametrize(("call", "shape"), DOORS.values(), ids=DOORS)
def test_what_is_not_in_memory_is_refused_by_name_and_not_computed(call, shape, package):
    kind, has, what, how = KINDS[package]
    with pytest.raises(TypeError, match=rf"\({package.partition('.')[0]}'s {kind}\) {what}: pass .*{how}, if it fits"):
        call(lazy(package, kind, shape, has))


def test_a_list_of_numbers_is_read_as_before():
    assert np.array_equal(arrays.as_real([[1, 2.5], (True, np.float32(3))], "x"), [[1, 2.5], [1, 3]])
