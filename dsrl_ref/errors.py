"""What can go wrong, named: a small hierarchy, so that a caller can catch all of it or one kind."""


class DSRLError(Exception):
    """Base of every error that is this package's own."""


class InfeasibleThetaError(DSRLError, ValueError):
    """Four numbers that are no Θ: not finite, a slope that is not positive, or knots out of order."""


class DivergenceError(DSRLError, ValueError):
    """The network has no finite answer at this Θ and L: it diverges, overflows, or has no fixed point with derivatives.

    A search for better parameters may take the loss to be infinite there.
    """


class ModelFileError(DSRLError, ValueError):
    """A model file that is damaged, foreign or newer than this package."""


class DataFileError(DSRLError, OSError):
    """A file of numbers that is missing, unreadable, cut short or changed meanwhile; a disk without room for one."""


class SizeError(DSRLError, MemoryError):
    """Work refused before it starts because it would not fit; the message says how large it is."""


class MissingExtraError(DSRLError, ImportError):
    """An optional package that is not installed; the message names the extra that brings it."""


class ClusterError(DSRLError, RuntimeError):
    """A Dask cluster that does not answer, has no workers, or whose workers die; the message says what to do."""


class ClusterWarning(UserWarning):
    """A Dask cluster has lost what was prepared, and prepared it again: the numbers are the same."""


class DivergenceWarning(UserWarning):
    """The step 1/L is too long for f: the iterates may grow from layer to layer."""


class GraphWarning(UserWarning):
    """A similarity graph that is less than was asked for; the message says where, and what to do."""


class StartWarning(UserWarning):
    """A start of training where the gradient is zero or one-sided; the message says which, and what to do."""
