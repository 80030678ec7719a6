"""Pictures of clusters and classes, each by itself for a paper, or all on one page; they need the extra `plot`.

groups      who is drawn how: colours and markers that colour-blind readers tell apart
embedding   the samples on a plane
confusion   what was found beside what is true
graphs      the graph before and after the network
learning    the same, and what the network does to an edge
bars        weights of views, and the eigenvalues behind the number of clusters
estimator   these of what `fit` has found, by name
"""

from dsrl_ref.pictures.bars import draw_eigengap, draw_view_weights
from dsrl_ref.pictures.confusion import draw_confusion
from dsrl_ref.pictures.embedding import draw_embedding
from dsrl_ref.pictures.estimator import PICTURES, draw_estimator
from dsrl_ref.pictures.graphs import draw_graphs
from dsrl_ref.pictures.learning import draw_learning

__all__ = [
    "PICTURES",
    "draw_confusion",
    "draw_eigengap",
    "draw_embedding",
    "draw_estimator",
    "draw_graphs",
    "draw_learning",
    "draw_view_weights",
]
