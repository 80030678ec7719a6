"""Fidelity only: what "pieces" does, for entries that are sorted into a file.

The entries are sorted once, with memory for some of them at a time (`sorting`). An evaluation then reads of the sorted
file what it needs: running sums are in memory, a 64th of the data, and a 16th beside a target of its own. It is the
code of "pieces" that evaluates, over the same entries in the same order: the bits of an answer are those of "pieces".
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from dsrl_ref.disk import home, temporary_folder
from dsrl_ref.engines.engine import Constants, Engine, Prepared, PreparedLayers, Thetas
from dsrl_ref.engines.pieces import Network, Pieces, refuses
from dsrl_ref.engines.problem import Problem
from dsrl_ref.engines.scalar_map import Layered, Sharing
from dsrl_ref.engines.sorting import sort_to_file


def prepare(problem: Problem) -> Prepared:
    """Sort what a `Fidelity` holds into a file, for one Θ and one L."""
    return _sorted(problem, partial(Sharing, layers=int(problem.layers)))


def prepare_layers(problem: Problem) -> PreparedLayers:
    """The same for one Θ and one L a layer."""
    return _sorted(problem, Layered)


def _sorted(problem: Problem, network: Callable[[Thetas, Constants], Network]) -> Pieces[Thetas, Constants]:
    w, target = problem.f.start().ravel(), problem.target.ravel()
    beside = target[:0] if problem.target_is_W else target
    w, beside = sort_to_file(w, beside, _folder(problem), problem.threads, problem.callback)
    return Pieces(problem, w, beside, 0 if beside.size else problem.entries - w.size, network)


def _folder(problem: Problem) -> Path:
    """Where the sorted file goes: to W, or else to the target; of data in memory among the temporary files."""
    homes = (home(matrix) for matrix in (problem.f.start(), problem.target))
    return next((found.folder for found in homes if found is not None), temporary_folder())


ENGINE = Engine(
    "disk",
    '`Fidelity` with x0 = W or zeros; as "pieces", but for data larger than memory: sorts the entries into a scratch '
    "file once (and the target's, unless that is W), with the same bits of every answer; best for many evaluations of "
    "data on disk",
    refuses,
    prepare,
    prepare_layers,
    reads_disk=True,
)
