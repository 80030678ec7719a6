"""Objects of packages whose arrays are in files, elsewhere or not computed yet: what reads one of them is told.

The packages need not be there.
"""

import numpy as np


class Computed(BaseException):
    """Somebody has asked for what is inside."""


def lazy(package, kind, shape, has=()):
    """An object of a package whose arrays are in files, elsewhere or not computed yet.

    It has a shape and a dtype, and the attributes `has`; whatever reads it, or asks one of these, is a Computed.
    """

    def computes(self, *_, **__):
        raise Computed(f"{package}'s {kind} was computed")

    inside = dict.fromkeys(
        ["__array__", "__iter__", "__len__", "__getitem__", "__float__", "__index__", "__int__", "__bool__", "ravel"],
        computes,
    )
    inside |= dict.fromkeys(["astype", "tolist", "__eq__", "__lt__", "__le__", "__gt__", "__ge__"], computes)
    about = {"shape": shape, "ndim": len(shape), "dtype": np.dtype(float), "size": int(np.prod(shape))}
    more = dict.fromkeys(has, shape if package == "xarray" else property(computes))
    return type(kind, (), {"__module__": f"{package}.core", **inside, **about, **more, "__hash__": object.__hash__})()


COMPUTED, WORKERS, FILE = "is computed only when asked", "is spread over workers", "is in a file"
PIECES = "is in pieces, or in a file"
# The class, by package; what it has, beside an array's attributes; and what is said of it. The last ones are of
# packages that nobody has heard of.
KINDS = {
    "dask": ("Array", ["compute", "chunks"], COMPUTED, r"\.compute\(\)"),
    "dask_expr": ("DataFrame", ["compute"], COMPUTED, r"\.compute\(\)"),
    "cubed": ("Array", ["compute", "chunks"], COMPUTED, r"\.compute\(\)"),
    "xarray": ("DataArray", ["chunks"], COMPUTED, r"\.compute\(\)"),
    "h5py": ("Dataset", ["chunks"], FILE, r"\[\.\.\.\]"),
    "h5netcdf": ("Variable", [], FILE, r"\[\.\.\.\]"),
    "netCDF4": ("Variable", [], FILE, r"\[\.\.\.\]"),
    "zarr": ("Array", ["chunks"], FILE, r"\[\.\.\.\]"),
    "tables": ("Array", [], FILE, r"\.read\(\)"),
    "modin": ("DataFrame", [], WORKERS, r"\.to_numpy\(\)"),
    "pyspark": ("Series", ["to_pandas"], WORKERS, r"\.to_pandas\(\)"),
    "pyspark.sql": ("DataFrame", ["collect"], WORKERS, r"\.toPandas\(\)"),
    "polars": ("LazyFrame", ["collect"], COMPUTED, r"\.collect\(\)"),
    "late": ("Array", ["compute"], COMPUTED, r"\.compute\(\)"),
    "graphs": ("Array", ["__dask_graph__"], COMPUTED, r"\.compute\(\)"),
    "ibis": ("Table", ["execute"], COMPUTED, r"\.execute\(\)"),
    "sparks": ("Frame", ["to_spark"], WORKERS, r"\.to_pandas\(\)"),
    "connected": ("Frame", ["toPandas"], WORKERS, r"\.toPandas\(\)"),
    "pieces": ("Array", ["chunks"], PIECES, r"\[\.\.\.\]"),
    "files": ("Array", ["chunkshape"], PIECES, r"\[\.\.\.\]"),
}
