"""The same objective on a Dask cluster: W, or Y, is a dask array, and what is prepared of it stays on the workers.

Nothing here has a formula: a worker evaluates its share of the entries by an engine of `dsrl_ref.engines`, and what
comes back are the terms of a sum, which `engines.parts` adds exactly. Import of this package imports no dask.

Bits
----
Entries are divided into blocks by their index alone: the rows, or the columns, of a block do not depend on how the
array is chunked. A block has the same bits on every worker, and the sums of all blocks are added exactly, so that a
loss, its derivatives and matrices have the same bits for any chunks, any number of workers, and after any loss. Blocks
of "support" and "columns" are cut where these engines begin new sums anyway, and "pieces" hands over both words of its
sums: loss and derivatives are those of one process, but where a sum lies next to the middle of two floats, which no
draw has met. So is the Gauss-Newton matrix, with "pieces" within what `dsrl_ref.engines` allows an engine to round,
since which entries it takes one by one depends on the block. Other engines round once a block. (BLAS, which "columns"
multiplies by, may round otherwise where it has other threads, or is another library.)

Memory
------
The caller holds no entry: what comes back are a few numbers a group. A worker holds its blocks as the engine prepares
them: "pieces" a sorted copy in place of the entries; where every layer has a Θ of its own, the entries too, as training
asks for single columns. So many bytes are what dask is told, and no more are moved or spilled. An objective that is
gone, or could not be made, leaves the workers at once. It is not pickled. Few columns that training looks at are
fetched, at most 2²⁰ entries; for one Θ a layer the caller holds some hundred bytes of each column, which are errors,
and the places of those that are drawn: 10⁶ columns are 100 MB. D is part of every recipe, and lies on each worker that
needs it.

Time
----
"pieces" evaluates 10⁸ values in less time than a task costs the scheduler. So its workers are asked without a task, and
by tasks only where one of them does not answer at once: see `dsrl_ref.distributed.quick`.

What happens when workers go
----------------------------
What is prepared is known to the scheduler by its recipe, D among it. When a worker dies, the scheduler prepares its
share again on another, and the numbers are the same; this is said once, by a `ClusterWarning`. A scheduler that has
forgotten everything (``client.restart()``) is sent the recipes again; what these need of arrays that were persisted or
scattered is not theirs to make. A client that is closed, a worker that takes all others down with it, data that were
persisted and are lost, and ``timeout`` seconds without a sign of life, from the scheduler or from a worker that is at
work on what is asked for, end in a `ClusterError` that says which of these it was. A worker that is paused, as its
memory is full, and one that waits for the data of another which is not heard of, are not at work. Work that goes on may
take as long as it takes. An error that a chunk raises arrives as it is, and the next evaluation tries again.
"""

from dsrl_ref.distributed.problem import Spread, spread

__all__ = ["Spread", "spread"]
