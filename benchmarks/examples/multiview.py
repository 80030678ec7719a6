# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     name: python3
# ---

# %% [markdown]
# # Cluster and classify samples that are seen in several views
#
# 1,797 handwritten digits, each in four views: its pixels, the magnitudes of its Fourier transform, sums of its rows
# and columns, and differences of neighbouring pixels. A graph joins what is alike in them. The network learns which of
# its edges to keep, and no label is asked.

# %%
import numpy as np

from dsrl_ref.multiview import DSRLClassifier, DSRLClustering, clustering_scores, load_dataset
from dsrl_ref.pictures import draw_estimator

views, classes = load_dataset("digits")
labels = np.asarray(classes)
print([view.shape for view in views], np.unique(labels))

# %% [markdown]
# ## Clusters
#
# The number of clusters is given here; `DSRLClustering()` alone finds one by the eigenvalues of the learned graph.

# %%
clustering = DSRLClustering(10, random_state=0).fit(views)
scores = clustering_scores(labels, clustering.labels_)
print({name: round(score, 3) for name, score in scores.items()})
print(f"{clustering.affinity_matrix_.nnz} edges before the network, {clustering.graph_.nnz} after")

# %% [markdown]
# ## Classes
#
# One digit in ten is labelled, and -1 says that the label of the others is not known. Labels spread over the learned
# graph; `label_distributions_` tells how sure each sample is of its class.

# %%
known = np.where(np.random.default_rng(0).random(len(labels)) < 0.1, labels, -1)
classifier = DSRLClassifier().fit(views, known)
right = classifier.transduction_ == labels
print(f"{right[known < 0].mean():.3f} of the unlabelled digits are classified rightly")

sure = classifier.label_distributions_.max(axis=1)
for least, most in ((0.0, 0.5), (0.5, 0.9), (0.9, 1.0)):
    among = (known < 0) & (sure > least) & (sure <= most)
    print(f"sure by {least:.1f} to {most:.1f}: {among.sum():>5} digits, {right[among].mean():.3f} of them right")

# %% [markdown]
# ## A picture
#
# The embedding, the graph before and after the network with its samples in the order of their clusters, which digits
# are in which cluster, and how much each view counts. `draw_estimator(clustering, "graphs")` has one of these alone.

# %%
draw_estimator(clustering, true=labels)
