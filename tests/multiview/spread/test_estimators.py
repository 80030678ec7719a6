"""Both estimators learn of dask arrays what they learn of the same views in memory, to the last bit."""

import pickle
import threading

import clusters
import numpy as np
import pytest
from views import hard_views, same_graph

import dsrl_ref
from dsrl_ref.errors import SizeError
from dsrl_ref.multiview import DSRLClassifier, DSRLClustering
from dsrl_ref.multiview.spread import learning

da = pytest.importorskip("dask.array", reason="the extra distributed brings dask")
pytest.importorskip("dask.distributed", reason="the extra distributed brings dask")

VIEWS, LABELS = hard_views(90)
KNOWN = np.where(np.arange(90) < 20, LABELS, -1)
NEW = [view[:7] + 0.125 for view in VIEWS]


def spread(views=VIEWS):
    """Arrays that have names of their own: dask counts, by the name, the workers that died of it."""
    return [da.from_array(view, chunks=(40, 3), name=False) for view in views]


@pytest.fixture(scope="module", name="both")
def _both():
    return DSRLClassifier().fit(VIEWS, KNOWN), DSRLClassifier().fit(spread(), KNOWN)


def test_a_classifier_learns_the_same(both):
    here, there = both
    for name in ("theta_", "L_", "scale_", "n_iter_", "neighbors_"):
        assert getattr(there, name) == getattr(here, name), name
    for name in ("view_weights_", "transduction_", "label_distributions_", "reached_"):
        assert np.array_equal(getattr(there, name), getattr(here, name)), name
    for name in ("affinity_matrix_", "graph_"):
        assert same_graph(getattr(there, name).compute(), getattr(here, name)), name
    assert "90×90" in there._repr_html_()


def test_new_samples_in_memory_are_classified_alike_and_others_are_refused(both):
    here, there = both
    assert np.array_equal(there.predict_proba(NEW), here.predict_proba(NEW))
    with pytest.raises(TypeError, match=r"new samples are dask arrays, .* pass X.compute\(\), or some at a time"):
        there.predict(spread(NEW))


def test_what_was_learned_is_read_only_and_saved_but_not_pickled(both, tmp_path):
    here, there = both
    assert not there.view_weights_.flags.writeable
    dsrl_ref.save(tmp_path / "model.dsrl", there)
    assert np.array_equal(dsrl_ref.load(tmp_path / "model.dsrl").predict_proba(NEW), here.predict_proba(NEW))
    with pytest.raises(TypeError, match=r"neither pickled nor copied: dsrl_ref.save writes it"):
        pickle.dumps(there)


def test_one_array_is_cut_into_views():
    whole = np.hstack(VIEWS)
    sizes = [view.shape[1] for view in VIEWS]
    found = DSRLClassifier(view_sizes=sizes).fit(da.from_array(whole, chunks=(40, 7)), KNOWN)
    expected = DSRLClassifier(view_sizes=sizes).fit(whole, KNOWN)
    assert np.array_equal(found.label_distributions_, expected.label_distributions_)
    alone = DSRLClassifier().fit(spread()[0], KNOWN)
    assert np.array_equal(alone.transduction_, DSRLClassifier().fit(VIEWS[0], KNOWN).transduction_)
    with pytest.raises(ValueError, match=r"view_sizes = \[3\] has sum 3, but X has 30 features"):
        DSRLClassifier(view_sizes=[3]).fit(da.from_array(whole), KNOWN)


def test_clusters_are_those_of_the_graph_at_the_caller(monkeypatch):
    here, there = (DSRLClustering(4, random_state=0).fit(views) for views in (VIEWS, spread()))
    assert np.array_equal(there.labels_, here.labels_)
    assert same_graph(there.graph_, here.graph_)
    assert np.array_equal(there.predict(NEW), here.predict(NEW))
    monkeypatch.setattr("dsrl_ref.memory.free_memory", lambda: 1000)
    with pytest.raises(SizeError, match=r"DSRLClustering brings the graph in the memory of the caller, \d+ entries"):
        DSRLClustering(4, view_weights=[1, 1, 1]).fit(spread())


def test_without_a_cluster_n_jobs_says_how_many_tasks_are_done_at_a_time():
    views = DSRLClassifier(n_jobs=3)._read(spread())
    assert {view.place.slots for view in views} == {3}


def test_the_authors_program_is_one_process(both):
    with pytest.raises(TypeError, match="preset='authors' is one process's program, and X is of dask arrays"):
        DSRLClassifier(preset="authors").fit(spread(), KNOWN)


@pytest.mark.nightly
@pytest.mark.children
@pytest.mark.filterwarnings("ignore::dsrl_ref.errors.ClusterWarning")
@pytest.mark.parametrize("after", [0.0, 0.2, 0.5, 1.0])
def test_a_worker_killed_amid_fit_leaves_no_trace(whole_cluster, monkeypatch, both, after):
    """Who fetches from a worker that has just died waits until it cannot be reached: it takes as long as it takes."""
    from distributed import Client

    monkeypatch.setattr(learning, "FETCHED", 0)
    for _ in range(5):
        with Client(whole_cluster()[1]) as client:
            timer = threading.Timer(after, clusters.killed, [client])
            timer.start()
            found = DSRLClassifier().fit(spread(), KNOWN)
            timer.join()
            assert np.array_equal(found.label_distributions_, both[0].label_distributions_)
            assert same_graph(found.graph_.compute(), both[0].graph_)


@pytest.mark.children
def test_two_workers_that_die_amid_training_are_replaced_and_the_same_is_learned(client, monkeypatch, both):
    monkeypatch.setattr(learning, "FETCHED", 0)
    epochs = []

    def killing(text, share, left):
        if text.startswith("learning a graph"):
            epochs.append(text)
            if len(epochs) == 3:
                clusters.killed_and_missed(client, 2)  # of one alone nothing may be missed

    with pytest.warns(dsrl_ref.errors.ClusterWarning, match="the numbers are the same"):
        found = DSRLClassifier().fit(spread(), KNOWN, callback=killing)
    assert np.array_equal(found.label_distributions_, both[0].label_distributions_)
    assert same_graph(found.graph_.compute(), both[0].graph_)
