"""Instructions for kernels: compiled and plain forms are one where float64 is exact, and round as they promise."""

import contextlib
import importlib.util
from fractions import Fraction

import numba
import numpy as np
import pytest

WIDTH, LANES = 64, 8
OFFSETS = np.array([5, 0, 63, 17, 8, 9, 40, 33, 1, 2, 3, 60, 61, 62, 4, 5, 6])
COUNTS = [0, 1, 2, 3, 9]


class Forms:
    """The functions of a module of its own, compiled or plain, callable from Python."""

    def __init__(self, is_compiled):
        self.is_compiled, self.kept = is_compiled, {}
        with compiling(is_compiled):
            spec = importlib.util.find_spec("dsrl_ref.engines.intrinsics")
            self.module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(self.module)

    def __getattr__(self, name):
        if name not in self.kept:
            count = 1 if name == "lowest" else 6 if name.startswith("add_") else 9 if "_rows" in name else 8
            count = 18 if name == "preactivation_of_eight" else count
            self.kept[name] = self.wrapped(getattr(self.module, name), count)
        return self.kept[name]

    def wrapped(self, function, arguments):
        if not self.is_compiled:
            return function
        with compiling(True):
            forms = {
                1: lambda a: function(a),
                6: lambda a, b, c, d, e, f: function(a, b, c, d, e, f),
                8: lambda a, b, c, d, e, f, g, h: function(a, b, c, d, e, f, g, h),
                9: lambda a, b, c, d, e, f, g, h, i: function(a, b, c, d, e, f, g, h, i),
                18: lambda a, b, c, d, e, f, g, h, i, j, k, m, n, p, q, r, s, t: function(
                    *(a, b, c, d, e, f, g, h, i, j, k, m, n, p, q, r, s, t)
                ),
            }
            kernel = numba.njit(forms[arguments])

        def call(*given):
            with compiling(True):
                return kernel(*given)

        return call


@contextlib.contextmanager
def compiling(wanted):
    """Let numba compile, or not, whatever this process does elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(numba.config, "DISABLE_JIT", not wanted)
        yield


@pytest.fixture(scope="module", params=["compiled", "plain"])
def forms(request):
    return Forms(request.param == "compiled")


def dyadic(rng, *shape):
    return rng.integers(-16, 17, shape) / 8


def data(count, values, rng, draw=dyadic):
    """A panel, and a list of `count` rows that begins at place 2, with values of the shape asked for."""
    rows = np.sort(rng.choice(30, count, replace=False)).astype(np.uint32)
    others = np.array([7, 7], np.uint32)
    return draw(rng, 30, WIDTH), np.concatenate([others, rows]), draw(rng, 2 + count, *values)


def exact_product(panel, rows, values):
    """What the list sums to: (64,) for each of the values of a row."""
    return np.einsum("kj,ks->sj", panel[rows[2:]], values[2:].reshape(len(rows) - 2, values[0].size))


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize(
    ("name", "columns", "vectors"),
    [
        ("one_column", 1, 8),
        ("four_vectors", 1, 4),
        ("two_vectors", 1, 2),
        ("one_vector", 1, 1),
        ("half_of_four_columns", 4, 4),
    ],
)
@pytest.mark.parametrize("at", [0, 2])
def test_vectors_of_a_product_are_sums_over_the_list(forms, name, columns, vectors, count, at):
    rng = np.random.default_rng(count)
    panel, rows, values = data(count, (columns,) if columns > 1 else (), rng)
    offsets = np.array([40, 8, 0, 56, 16, 24])
    out = np.full((columns + 1, WIDTH), np.nan)
    getattr(forms, name)(panel, rows, values, 2, count, offsets, at, out)
    expected = np.full(out.shape, np.nan)
    for place in range(0, WIDTH, LANES) if vectors == 8 else offsets[at : at + vectors]:
        expected[:columns, place : place + LANES] = exact_product(panel, rows, values)[:, place : place + LANES]
    assert np.array_equal(out, expected, equal_nan=True)


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize(
    ("name", "entries", "vectors"),
    [
        ("sixteen_rows", 16, 1),
        ("eight_rows", 8, 1),
        ("four_rows", 4, 1),
        ("eight_rows_of_two", 8, 2),
        ("four_rows_of_two", 4, 2),
        ("eight_rows_of_three", 8, 3),
        ("four_rows_of_three", 4, 3),
    ],
)
@pytest.mark.parametrize(("at", "lane"), [(0, 0), (1, 0), (0, 8), (1, 16)])
def test_rows_of_a_product_are_sums_over_the_list(forms, name, entries, vectors, count, at, lane):
    """A row of the sums may be longer than one of the values."""
    panel, rows, values = data(count, (lane + LANES * vectors,), np.random.default_rng(count))
    out = np.full((20, lane + LANES * vectors + 8), np.nan)
    getattr(forms, name)(panel, rows, values, 2, count, OFFSETS, at, lane, out)
    expected = np.full(out.shape, np.nan)
    wanted, lanes = slice(at, at + entries), slice(lane, lane + LANES * vectors)
    expected[wanted, lanes] = exact_product(panel, rows, values)[lanes, OFFSETS[wanted]].T
    assert np.array_equal(out, expected, equal_nan=True)


def sum_of_terms(g, x, fused):
    """Σ g·x in the order given, each step rounded once, or the product before it too."""
    total = 0.0
    for a, b in zip(g.tolist(), x.tolist(), strict=True):
        total = float(Fraction(a) * Fraction(b) + Fraction(total)) if fused else total + a * b
    return total


@pytest.mark.parametrize(("name", "values"), [("one_column", ()), ("half_of_four_columns", (4,)), ("four_rows", (8,))])
def test_a_sum_is_fused_where_it_is_compiled_and_goes_from_row_to_row(forms, name, values):
    rng = np.random.default_rng(1)
    panel, rows, x = data(9, values, rng, lambda rng, *shape: rng.normal(size=shape))
    places = np.arange(0, WIDTH, LANES)[:4]
    out = np.empty((4, LANES if name == "four_rows" else WIDTH))
    lane = (0,) if name == "four_rows" else ()
    getattr(forms, name)(panel, rows, x, 2, 9, places, 0, *lane, out)
    first = x[2:].reshape(9, -1)[:, 0]
    once, twice = ([sum_of_terms(panel[rows[2:], j], first, fused) for j in places] for fused in (True, False))
    assert once != twice
    assert (out[:, 0] if name == "four_rows" else out[0, places]).tolist() == (once if forms.is_compiled else twice)


def test_a_zero_in_a_list_changes_no_bit(forms):
    rng = np.random.default_rng(2)
    panel, rows, values = data(9, (), rng, lambda rng, *shape: rng.normal(size=shape))
    values[[4, 7]] = 0.0
    out, without = np.empty((1, WIDTH)), np.empty((1, WIDTH))
    forms.one_column(panel, rows, values, 2, 9, OFFSETS, 0, out)
    kept = np.array([True, True, *(values[2:] != 0)])
    forms.one_column(panel, rows[kept], values[kept], 2, 7, OFFSETS, 0, without)
    assert out.tobytes() == without.tobytes()


def test_a_step_is_rounded_at_each_operation(forms):
    rng = np.random.default_rng(3)
    products, C, x = rng.normal(size=(3, WIDTH)), rng.normal(size=(4, WIDTH)), rng.normal(size=WIDTH)
    before, z, step = products.copy(), np.empty(WIDTH), 1 / 3
    forms.preactivation(products, 1, C, 2, x, step, 0.5, z)
    g = before[1] - C[2]
    assert products[1].tobytes() == g.tobytes()
    assert np.array_equal(products[[0, 2]], before[[0, 2]])
    assert z.tobytes() == (x - step * g).tobytes()


def bits(number):
    return [int(number) >> r & 1 for r in range(WIDTH)]


@pytest.mark.parametrize("b1", [0.5, 0.0])
def test_active_is_what_lies_outside_of_the_dead_zone_and_what_is_no_number(forms, b1):
    x, zeros, z = np.zeros(WIDTH), np.zeros((1, WIDTH)), np.empty(WIDTH)
    x[::2] = np.tile([b1, -b1, np.nextafter(b1, 0), np.nextafter(-b1, -1), b1 + 1, -b1 - 1, np.nan, np.inf], 4)
    mask = forms.preactivation(zeros.copy(), 0, zeros, 0, x, 1.0, b1, z)
    assert bits(mask) == [int(not -b1 <= value < b1) for value in z]
    assert sum(bits(mask)) > 0


def test_eight_entries_are_formed_as_all_are(forms):
    """The bits of `one_column` and `preactivation`, a vector at a time, and the bound of these."""
    rng = np.random.default_rng(7)
    panel, rows, values = data(9, (), rng, lambda rng, *shape: rng.normal(size=shape))
    C, x, step, b1 = rng.normal(size=(4, WIDTH)), rng.normal(size=80) * (rng.random(80) < 0.3), 1 / 3, 0.5
    products, z = np.empty((1, WIDTH)), np.empty(WIDTH)
    forms.one_column(panel, rows, values, 2, 9, OFFSETS, 0, products)
    mask = bits(forms.preactivation(products, 0, C, 2, x[16:], step, b1, z))
    for place in range(0, WIDTH, LANES):
        own_g, own_z, bounds = np.full((3, LANES), np.nan), np.full((3, LANES), np.nan), np.full((2, 3), np.nan)
        row = 16 + place
        numbers = 2, 9, place, C, 2, x, row, step, b1, own_g, own_z, 1, bounds, 4, 0.25
        found = bits(forms.preactivation_of_eight(panel, rows, values, *numbers))
        lanes = slice(place, place + LANES)
        assert own_g[1].tobytes() == products[0, lanes].tobytes()
        assert own_z[1].tobytes() == z[lanes].tobytes()
        assert found == mask[lanes] + [0] * (WIDTH - LANES)
        assert bounds[1, 1] == np.abs(own_g[1]).max() + 0.25
        assert np.count_nonzero(~np.isnan(own_g)) == np.count_nonzero(~np.isnan(own_z)) == LANES
        assert np.count_nonzero(~np.isnan(bounds)) == 1
    assert 0 < sum(mask) < WIDTH


def test_eight_entries_of_an_empty_list_are_those_of_the_offset(forms):
    C, g, z, bounds = (
        np.arange(2 * WIDTH).reshape(2, WIDTH) / 8,
        np.empty((1, LANES)),
        np.empty((1, LANES)),
        np.empty(1),
    )
    none = np.empty(0, np.uint32), np.empty(0)
    forms.preactivation_of_eight(C, *none, 0, 0, 8, C, 1, np.zeros(LANES), 0, 0.5, 1.0, g, z, 0, bounds, 0, 0.0)
    assert g[0].tolist() == (-C[1, 8:16]).tolist()
    assert z[0].tolist() == (0.5 * C[1, 8:16]).tolist()
    assert bounds[0] == C[1, 15]


@pytest.mark.parametrize("place", [0, 1, 31, 32, 62, 63])
def test_the_lowest_bit_is_found(forms, place):
    assert forms.lowest(np.uint64(1 << place)) == place
    assert forms.lowest(np.uint64(1 << place | 1 << 63)) == place


@pytest.mark.parametrize("name", ["add_on_piece", "add_beside_target"])
def test_an_entry_is_added_to_four_sums_and_each_operation_is_rounded(forms, name):
    rng = np.random.default_rng(4)
    lines, sums = rng.normal(size=(5, 8)), rng.normal(size=(6, 4))
    lines[:, 1], lines[:, [3, 7]] = 1.0, 0.0
    slope, _, anchor, _, intercept, shift, factor, _ = lines[3].tolist()
    for w, target in rng.normal(size=(20, 2)).tolist():
        before = sums.copy()
        r = slope * w + intercept
        if name == "add_beside_target":
            r = slope * (w - anchor) + intercept + (factor * w - target)
        u = w + shift
        assert getattr(forms, name)(lines, np.uint16(3), w, target, sums, np.uint32(4)) == r
        assert sums[4].tolist() == (before[4] + [r, u, r * w, u * u]).tolist()
        assert np.array_equal(sums[[0, 1, 2, 3, 5]], before[[0, 1, 2, 3, 5]])


@pytest.mark.parametrize("name", ["add_on_piece", "add_beside_target"])
def test_a_line_of_zeros_adds_no_residual(forms, name):
    sums = np.ones((2, 4))
    r = getattr(forms, name)(np.zeros((1, 8)), np.uint16(0), 3.0, 0.0, sums, np.uint32(1))
    assert (r, sums[1, 0], sums[1, 2]) == (0.0, 1.0, 1.0)
