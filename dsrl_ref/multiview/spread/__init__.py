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
A worker that looks for neighbours holds all points of one view, as exact neighbours are among all, with what a search
makes of them: about 40 bytes a feature of a sample (n = 10⁷, d = 50: 20 GB). The look is n²d, shared by the workers,
and the reason why it is spread: at 10⁷ samples some 80 hours of one processor a view. Of the graph a worker holds its
blocks: 12 bytes an entry, three times that while the graph is made.

The caller holds what there is one number of for each sample, and in the propagation ten matrices (n, c), for c classes.
It holds the graph itself, 12 bytes an entry and as much again for what is made of it, where the whole of it is looked
at: to cluster (``view_weights="auto"`` of several views, `DSRLClustering`), for ``propagation="poisson"``, and to save
a model. Before that `SizeError` says how much that would be, and what to give instead.

What happens when workers go
----------------------------
As `dsrl_ref.distributed` has it: what a lost worker held is made again from the views, the same to the last bit. A
scheduler that has forgotten everything, a closed client and workers that are not heard of end in a `ClusterError`.
"""
