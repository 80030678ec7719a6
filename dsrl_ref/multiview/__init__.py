"""Several views of the same samples: graphs, clustering, semi-supervised classification, data sets, scores."""

from dsrl_ref.multiview.classification import DSRLClassifier
from dsrl_ref.multiview.clustering import DSRLClustering
from dsrl_ref.multiview.datasets import complementary_views, incomplete_views, load_dataset
from dsrl_ref.multiview.graph import similarity_graph
from dsrl_ref.multiview.scores import clustering_scores
from dsrl_ref.multiview.selection import LabelledKFold, LabelledScorer, transductive_scores

__all__ = [
    "DSRLClassifier",
    "DSRLClustering",
    "LabelledKFold",
    "LabelledScorer",
    "clustering_scores",
    "complementary_views",
    "incomplete_views",
    "load_dataset",
    "similarity_graph",
    "transductive_scores",
]
