"""Sorted entries: equal ones in the order that they had, and where sorted runs divide into blocks of one order."""

from dsrl_ref.engines.jit import compiled, inlined


@inlined
def first_beyond(v, begin, end, value, equal_too):
    """Find the first place in the sorted v[begin:end] whose entry is more than `value`, or, if `equal_too`, as much."""
    while begin < end:
        middle = (begin + end) // 2
        if v[middle] < value or (v[middle] == value and not equal_too):
            begin = middle + 1
        else:
            end = middle
    return begin


@compiled
def divide_runs(v, begins, ends, rank, low, high):
    """Find what of each run is among the first `rank` entries of all, in the order of values and then of runs.

    Run r is v[begins[r]:ends[r]], sorted. Out: of run r the entries before low[r] are among them; `high` comes out as
    low. In: low[r] is such a place, or an earlier one, and begins[r] will do; the entries from high[r] on are not, and
    ends[r] will do.

    An entry in the middle of what is undecided of a run is ranked among all: with it, it and all that is less, or not,
    are decided. The longest undecided part is halved each time.
    """
    while True:
        widest, width = 0, 0
        for r in range(begins.size):
            if high[r] - low[r] > width:
                widest, width = r, high[r] - low[r]
        if width == 0:
            return
        middle = (low[widest] + high[widest]) // 2
        value, before = v[middle], 0
        for r in range(begins.size):
            at = middle if r == widest else first_beyond(v, low[r], high[r], value, r > widest)
            before += at - begins[r]
        inside = before < rank
        for r in range(begins.size):
            at = middle if r == widest else first_beyond(v, low[r], high[r], value, r > widest)
            if inside:
                low[r] = at + 1 if r == widest else at
            else:
                high[r] = at


@compiled
def order_ties(v, order):
    """Put the places of equal entries into ascending order; `v` is sorted, and `order` has the place of each before."""
    begin = 0
    for i in range(1, v.size + 1):
        if i == v.size or v[i] != v[begin]:
            if i - begin > 1:
                order[begin:i].sort()
            begin = i
