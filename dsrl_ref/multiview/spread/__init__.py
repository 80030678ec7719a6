"""Graphs on a Dask cluster: views are dask arrays, and what is made of them stays on the workers in blocks of rows.

Import of this package imports no dask. Without a cluster the same is done by dask's scheduler for one machine.

Bits
----
The graph is the one that `similarity_graph` makes of the same views in memory, to the last bit, for any chunks, any
number of workers and any blocks: a row of it depends on the points alone, and each step here is a step of
`dsrl_ref.multiview` that is applied to some rows. Θ, L and what is kept of the graph come from sums that
`dsrl_ref.distributed` adds exactly. Products in the propagation are sums along rows, and everything else about it
happens at the caller as it does in one process.

Who holds what
--------------
A worker that looks for neighbours holds one view whole, as exact neighbours are among all: 16 bytes a feature of a
sample, and 28 more for each of its threads, which search by themselves (n = 10⁷, d = 50: 8 GB, and 14 GB a thread). The
look is n²d, shared by the workers, and the reason why it is spread: 8·10⁻¹⁰ seconds of a processor a pair of samples of
16 features, 22 hours a view at 10⁷. Of the graph a worker holds its blocks: 12 bytes an entry, and three times that
while the graph is made. Views and graph of a model stay on the workers as long as there is the model.

The caller holds what there is one number of for each sample, and in the propagation ten matrices (n, c), for c classes.
It holds the graph itself, 12 bytes an entry and as much again for what is made of it, where the whole of it is looked
at: to cluster (``view_weights="auto"`` of several views, `DSRLClustering`), for ``propagation="poisson"``, and to save
a model. Before that `SizeError` says how much that would be, and what to give instead.

What happens when workers go
----------------------------
As `dsrl_ref.distributed` has it: what a lost worker held is made again from the views, the same to the last bit. A
scheduler that has forgotten everything, a closed client and workers that are not heard of end in a `ClusterError`.
"""
