"""A frozen list of wrong variants of the package: all of them must be caught.

``cd tests && python -m mutants`` hunts all of them and prints who caught which; ``python -m mutants multiview/`` hunts
those of the files whose name begins so. The default run of the suite hunts the first of every other
file, the nightly form all.
"""

from mutants import (
    appendix,
    cli,
    disk,
    distributed,
    engines,
    ground,
    kernels,
    multiview,
    objective,
    pictures,
    planning,
    report,
    solver,
    spread,
    support,
    training,
    verify,
)

LISTS = (
    ground,
    disk,
    appendix,
    objective,
    engines,
    kernels,
    support,
    distributed,
    training,
    solver,
    multiview,
    spread,
    pictures,
    planning,
    verify,
    report,
    cli,
)
MUTANTS = [mutant for part in LISTS for mutant in part.MUTANTS]
