"""Several views of the same samples: data sets and the fused similarity graph."""

from dsrl_ref.multiview.datasets import load_dataset
from dsrl_ref.multiview.graph import similarity_graph

__all__ = ["load_dataset", "similarity_graph"]
