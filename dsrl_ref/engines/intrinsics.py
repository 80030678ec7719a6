"""What kernels say in the compiler's own words: products held in registers, and which entries of 64 are active.

Every function here exists twice: as LLVM's instructions, which numba puts into the kernel that calls it, and as a
twin in plain Python, which takes its place where ``NUMBA_DISABLE_JIT=1`` is set. The two give the same bits on data on
which float64 does not round.

A **panel** is an array (rows, 64): 64 columns of a matrix such as DᵀD, or fewer and zeros. A **list** is what a column
of a matrix has on its support: the numbers of its rows, ascending, and a value or several for each. A product is a sum
over a list, in the order of the list, from zero on, and every entry of it has an accumulator of its own: no two lanes
are ever added to one another. Which entries are computed together, on how many lanes, and whether zeros are in the list
has therefore no influence on any bit of an entry, but for the sign of a 0: a sum that underflows to -0 becomes +0 by a
zero in the list. J and its derivatives are sums that begin with +0, which do not show it.

A sum takes fused multiply-adds: g·x + s, rounded once. ``llvm.fma`` is the same number on every machine, and slower
where the processor has no such instruction. Nothing is "fast-math" here, and LLVM fuses nothing of its own accord. A
vector of 8 lanes is one register where there is AVX-512, and two or four elsewhere, with the same numbers. The twins
round twice.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils, config
from numba.extending import intrinsic

WIDTH = 64  # columns of a panel
LANES = 8  # of a vector
VECTORS = WIDTH // LANES  # of a row of a panel

INT8, INT32, INT64 = (ir.IntType(bits) for bits in (8, 32, 64))
VECTOR = ir.VectorType(ir.DoubleType(), LANES)
ZEROS, UNDEFINED = ir.Constant(VECTOR, [0.0] * LANES), ir.Constant(VECTOR, ir.Undefined)
FIRST_LANE = ir.Constant(ir.VectorType(INT32, LANES), [0] * LANES)
PAIR, FOUR = (ir.VectorType(ir.DoubleType(), lanes) for lanes in (2, 4))


def compiled_or_plain(function: Any, plain: Callable[..., Any]) -> Any:
    """The function that numba compiles, or its twin where nothing is compiled."""
    return plain if vars(config)["DISABLE_JIT"] else function


def integer(value: int) -> Any:
    """A constant of 64 bits."""
    return ir.Constant(INT64, value)


class Instructions:
    """The instructions of one function, as they are written: numba's builder with what is needed again and again."""

    def __init__(self, context: Any, builder: Any, signature: Any, arguments: Any) -> None:
        self.context, self.builder, self.signature, self.arguments = context, builder, signature, arguments

    def data(self, number: int) -> Any:
        """Where the first entry of an argument lies that is a C-contiguous array."""
        array = self.context.make_array(self.signature.args[number])
        return array(self.context, self.builder, self.arguments[number]).data

    def row_length(self, number: int) -> Any:
        """How many entries a row has of an argument that is a C-contiguous array of two dimensions."""
        array = self.context.make_array(self.signature.args[number])(self.context, self.builder, self.arguments[number])
        return cgutils.unpack_tuple(self.builder, array.shape)[1]

    def further(self, address: Any, steps: Any, stride: int = 1) -> Any:
        """The address so many steps of `stride` entries further."""
        return self.builder.gep(address, [steps if stride == 1 else self.builder.mul(steps, integer(stride))])

    def entry(self, array: Any, row: Any, length: Any, column: Any = None) -> Any:
        """The address of an entry of an array whose rows have so many, the first of its row if no column is given."""
        place = self.builder.mul(row, length)
        return self.further(array, place if column is None else self.builder.add(place, column))

    def load(self, address: Any, form: Any = VECTOR) -> Any:
        """A vector, of 8 lanes unless another form is given, which need not be aligned."""
        return self.builder.load(self.builder.bitcast(address, form.as_pointer()), align=8)

    def store(self, vector: Any, address: Any) -> None:
        """The same, written."""
        self.builder.store(vector, self.builder.bitcast(address, vector.type.as_pointer()), align=8)

    def chosen(self, one: Any, other: Any, lanes: list[int]) -> Any:
        """A vector of the lanes that are numbered, those of `one` first and those of `other` behind them."""
        return self.builder.shuffle_vector(one, other, ir.Constant(ir.VectorType(INT32, len(lanes)), lanes))

    def pair(self, number: Any) -> Any:
        """A vector of two lanes: a number, and 0."""
        return self.builder.insert_element(ir.Constant(PAIR, [0.0, 0.0]), number, ir.Constant(INT32, 0))

    def on_all_lanes(self, number: Any) -> Any:
        """One number, 8 times."""
        one = self.builder.insert_element(UNDEFINED, number, ir.Constant(INT32, 0))
        return self.builder.shuffle_vector(one, UNDEFINED, FIRST_LANE)

    def row(self, panel: Any, rows: Any, k: Any) -> Any:
        """Where the row of a panel begins whose number is rows[k]."""
        number = self.builder.zext(self.builder.load(self.further(rows, k)), INT64)
        return self.further(panel, number, WIDTH)

    def offsets(self, array: Any, at: Any, count: int) -> list[Any]:
        """So many integers of an array, from place `at` on."""
        array = self.further(array, at)
        return [self.builder.load(self.further(array, integer(j))) for j in range(count)]

    def known(self, name: str, answer: Any, arguments: list[Any]) -> Any:
        """A function that LLVM knows by its name."""
        return cgutils.get_or_insert_function(self.builder.module, ir.FunctionType(answer, arguments), name)

    def largest(self, vector: Any) -> Any:
        """The largest absolute value of the 8 lanes."""
        sizes = self.builder.call(self.known("llvm.fabs.v8f64", VECTOR, [VECTOR]), [vector])
        return self.builder.call(self.known("llvm.vector.reduce.fmax.v8f64", ir.DoubleType(), [VECTOR]), [sizes])

    def sums(self, count: Any, terms: Callable[[Any], list[tuple[Any, Any]]]) -> list[Any]:
        """Vectors Σ g·x over k = 0, 1, .. below `count`; terms(k) writes how the pairs (g, x) of k are loaded.

        The accumulators are phi nodes, which are registers whatever the compiler's passes do.
        """
        builder, start, zero = self.builder, self.builder.block, integer(0)
        fma = self.known("llvm.fma.v8f64", VECTOR, [VECTOR] * 3)
        loop, end = (builder.function.append_basic_block(name) for name in ("sums.loop", "sums.end"))
        builder.cbranch(builder.icmp_signed(">", count, zero), loop, end)
        builder.position_at_end(loop)
        k = builder.phi(INT64)
        room_for_phis = builder.block.instructions
        place = len(room_for_phis)
        pairs = terms(k)
        builder.position_before(room_for_phis[place])
        accumulators = [builder.phi(VECTOR) for _ in pairs]
        builder.position_at_end(loop)
        added = [builder.call(fma, [g, x, s]) for (g, x), s in zip(pairs, accumulators, strict=True)]
        after = builder.add(k, integer(1))
        for phi, first, following in ((k, zero, after), *zip(accumulators, [ZEROS] * len(added), added, strict=True)):
            phi.add_incoming(first, start)
            phi.add_incoming(following, loop)
        builder.cbranch(builder.icmp_signed("<", after, count), loop, end)
        builder.position_at_end(end)
        results = [builder.phi(VECTOR) for _ in added]
        for result, value in zip(results, added, strict=True):
            result.add_incoming(ZEROS, start)
            result.add_incoming(value, loop)
        return results


def panel_times_lists(columns: int, vectors: int) -> Any:
    """The function ``(panel, rows, values, first, count, offsets, at, out)`` for so many columns and vectors of each.

    The lists of `columns` columns lie side by side and have the rows in common: rows[first : first + count] with
    values[first : first + count, columns]. For every column s and every j < `vectors`, with o = offsets[at + j],

        out[s, o : o + 8] = Σ_k panel[rows[k], o : o + 8] · values[k, s].

    Where all vectors of a row are formed, `offsets` is not read. One column may come as one-dimensional `values`.
    """

    @intrinsic
    def function(typingctx, panel, rows, values, first, count, offsets, at, out):
        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            code = Instructions(context, builder, signature, arguments)
            panel, rows, values, out = (code.data(k) for k in (0, 1, 2, 7))
            first, count, at = arguments[3], arguments[4], arguments[6]
            rows, values = code.further(rows, first), code.further(values, first, columns)
            places = [integer(LANES * j) for j in range(VECTORS)]
            if vectors < VECTORS:
                places = code.offsets(code.data(5), at, vectors)

            def terms(k: Any) -> list[tuple[Any, Any]]:
                row, own = code.row(panel, rows, k), code.further(values, k, columns)
                loaded = [code.load(code.further(row, place)) for place in places]
                factors = [builder.load(code.further(own, integer(s))) for s in range(columns)]
                return [(g, x) for x in map(code.on_all_lanes, factors) for g in loaded]

            results = iter(code.sums(count, terms))
            for s in range(columns):
                for place in places:
                    code.store(next(results), code.further(code.further(out, integer(s), WIDTH), place))
            return context.get_dummy_value()

        return types.void(panel, rows, values, first, count, offsets, at, out), codegen

    def plain(panel, rows, values, first, count, offsets, at, out):
        sums = np.zeros((columns, WIDTH))
        for k in range(first, first + count):
            sums += np.multiply.outer(values[k], panel[rows[k]])
        for place in offsets[at : at + vectors] if vectors < VECTORS else range(0, WIDTH, LANES):
            out[:columns, place : place + LANES] = sums[:, place : place + LANES]

    return compiled_or_plain(function, plain)


def rows_times_list(entries: int, vectors: int) -> Any:
    """The function ``(panel, rows, values, first, count, offsets, at, lane, out)`` for so many entries and vectors.

    The list has several values for each of its rows, a multiple of 8: rows[first : first + count] with
    values[first : first + count, :]. Of these, `vectors` vectors are taken, from l = `lane` on. For every
    j = at, .., at + `entries` - 1, with the lanes l, .., l + 8·`vectors` - 1 of `values` and of `out`,

        out[j, lanes] = Σ_k panel[rows[k], offsets[j]] · values[k, lanes].
    """

    @intrinsic
    def function(typingctx, panel, rows, values, first, count, offsets, at, lane, out):
        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            code = Instructions(context, builder, signature, arguments)
            panel, rows, values, out = (code.data(k) for k in (0, 1, 2, 8))
            first, count, at, lane = (arguments[k] for k in (3, 4, 6, 7))
            length, out_length = code.row_length(2), code.row_length(8)
            places, lanes = code.offsets(code.data(5), at, entries), [integer(LANES * v) for v in range(vectors)]
            rows, values = code.further(rows, first), code.entry(values, first, length, lane)

            def terms(k: Any) -> list[tuple[Any, Any]]:
                row, own = code.row(panel, rows, k), code.entry(values, k, length)
                loaded = [code.load(code.further(own, place)) for place in lanes]
                factors = [builder.load(code.further(row, place)) for place in places]
                return [(g, x) for g in map(code.on_all_lanes, factors) for x in loaded]

            results = iter(code.sums(count, terms))
            for j in range(entries):
                row = code.entry(out, builder.add(at, integer(j)), out_length, lane)
                for place in lanes:
                    code.store(next(results), code.further(row, place))
            return context.get_dummy_value()

        return types.void(panel, rows, values, first, count, offsets, at, lane, out), codegen

    def plain(panel, rows, values, first, count, offsets, at, lane, out):
        lanes = slice(lane, lane + LANES * vectors)
        sums = np.zeros((entries, LANES * vectors))
        for k in range(first, first + count):
            sums += np.multiply.outer(panel[rows[k], offsets[at : at + entries]], values[k, lanes])
        out[at : at + entries, lanes] = sums

    return compiled_or_plain(function, plain)


def add_entry(beside_target: bool) -> Any:
    """The function ``(lines, k, w, target, sums, row)``, that adds an entry w to four sums and returns its residual.

    Row k of `lines` (pieces, 8) is a slope, 1, an anchor, 0, an intercept, a shift, a factor, 0. To the four numbers of
    sums[row] are added r, u, r·w and u², where

        u = w + shift,
        r = slope·w + intercept, or slope·(w - anchor) + intercept + (factor·w - target) if `beside_target`.

    Pairs are formed at once, (r, u) and then (r·w, u·u), and nothing is fused: the bits are those of scalars.
    """

    @intrinsic
    def function(typingctx, lines, k, w, target, sums, row):
        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            code = Instructions(context, builder, signature, arguments)
            line = code.further(code.data(0), arguments[1], LANES)
            slopes, anchors, intercepts, factors = (
                code.load(code.further(line, integer(j)), PAIR) for j in range(0, LANES, 2)
            )
            w = code.chosen(code.pair(arguments[2]), ir.Constant(PAIR, ir.Undefined), [0, 0])
            found = builder.fsub(w, anchors) if beside_target else w
            found = builder.fadd(builder.fmul(slopes, found), intercepts)
            if beside_target:
                found = builder.fadd(found, builder.fsub(builder.fmul(factors, w), code.pair(arguments[3])))
            products = builder.fmul(found, code.chosen(w, found, [0, 3]))
            place = code.further(code.data(4), arguments[5], 4)
            added = builder.fadd(code.load(place, FOUR), code.chosen(found, products, [0, 1, 2, 3]))
            code.store(added, place)
            return builder.extract_element(found, ir.Constant(INT32, 0))

        return types.float64(lines, types.intp, types.float64, types.float64, sums, types.intp), codegen

    def plain(lines, k, w, target, sums, row):
        slope, _, anchor, _, intercept, shift, factor, _ = lines[k]
        r, u = slope * w + intercept, w + shift
        if beside_target:
            r = slope * (w - anchor) + intercept + (factor * w - target)
        sums[row] += (r, u, r * w, u * u)
        return r

    return compiled_or_plain(function, plain)


class Preactivations:
    """The instructions that make ∇f = product - C and z = x - step·∇f, 8 entries at once, and tell the active ones."""

    def __init__(self, code: Instructions, C: Any, x: Any, step: Any, b1: Any) -> None:
        self.code, self.C, self.x = code, C, x
        self.step, self.right, self.left = map(code.on_all_lanes, (step, b1, code.builder.fneg(b1)))

    def of_vector(self, product: Any, place: Any) -> tuple[Any, Any, Any]:
        """Return ∇f and z of the 8 entries from `place` on, and the bits of the active ones, from bit `place` on."""
        code, builder = self.code, self.code.builder
        g = builder.fsub(product, code.load(code.further(self.C, place)))
        z = builder.fsub(code.load(code.further(self.x, place)), builder.fmul(self.step, g))
        past_right, past_left = (
            builder.fcmp_unordered(sign, z, knot) for sign, knot in ((">=", self.right), ("<", self.left))
        )
        bits = builder.bitcast(builder.or_(past_right, past_left), INT8)
        return g, z, builder.shl(builder.zext(bits, INT64), place)


@intrinsic
def _preactivation(typingctx, products, row, C, column, x, step, b1, z):
    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        code = Instructions(context, builder, signature, arguments)
        products, C = (code.further(code.data(k), arguments[k + 1], WIDTH) for k in (0, 2))
        made, mask = Preactivations(code, C, code.data(4), *arguments[5:7]), integer(0)
        for place in map(integer, range(0, WIDTH, LANES)):
            product = code.further(products, place)
            g, z, bits = made.of_vector(code.load(product), place)
            code.store(g, product)
            code.store(z, code.further(code.data(7), place))
            mask = builder.or_(mask, bits)
        return mask

    return types.uint64(products, row, C, column, x, step, b1, z), codegen


def _preactivation_plain(products, row, C, column, x, step, b1, z):
    products[row] -= C[column]
    z[:] = x - step * products[row]
    return active_bits(z, b1)


@intrinsic
def _preactivation_of_eight(
    typingctx, panel, rows, values, first, count, place, C, column, x, row, step, b1, g, z, i, bounds, at, slack
):
    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        code = Instructions(context, builder, signature, arguments)
        first, place, of_out = arguments[3], arguments[5], arguments[14]
        panel, rows, values = code.further(code.data(0), place), code.data(1), code.data(2)
        rows, values = code.further(rows, first), code.further(values, first)

        def term(k: Any) -> list[tuple[Any, Any]]:
            row, own = code.row(panel, rows, k), builder.load(code.further(values, k))
            return [(code.load(row), code.on_all_lanes(own))]

        (product,) = code.sums(arguments[4], term)
        C, x = code.entry(code.data(6), arguments[7], integer(WIDTH), place), code.further(code.data(8), arguments[9])
        g, z, mask = Preactivations(code, C, x, *arguments[10:12]).of_vector(product, integer(0))
        code.store(g, code.further(code.data(12), of_out, LANES))
        code.store(z, code.further(code.data(13), of_out, LANES))
        bound = builder.fadd(code.largest(g), arguments[17])
        builder.store(bound, code.further(code.data(15), arguments[16]))
        return mask

    given = panel, rows, values, first, count, place, C, column, x, row, step, b1, g, z, i, bounds, at, slack
    return types.uint64(*given), codegen


def _preactivation_of_eight_plain(
    panel, rows, values, first, count, place, C, column, x, row, step, b1, g, z, i, bounds, at, slack
):
    lanes, total = slice(place, place + LANES), np.zeros(LANES)
    for k in range(first, first + count):
        total += values[k] * panel[rows[k], lanes]
    g[i] = total - C[column, lanes]
    z[i] = x[row : row + LANES] - step * g[i]
    bounds.reshape(-1)[at] = np.fmax.reduce(np.abs(g[i])) + slack
    return active_bits(z[i], b1)


def active_bits(z: Any, b1: float) -> np.uint64:
    """Bit r says that z[r] lies outside of the dead zone, as NaN does."""
    return np.uint64(sum(1 << r for r in range(z.size) if not -b1 <= z[r] < b1))


@intrinsic
def _lowest(typingctx, mask):
    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        form = ir.FunctionType(INT64, [INT64, ir.IntType(1)])
        zeros_below = builder.module.declare_intrinsic("llvm.cttz", [INT64], form)
        return builder.call(zeros_below, [arguments[0], ir.Constant(ir.IntType(1), 1)])

    return types.int64(types.uint64), codegen


def _lowest_plain(mask: Any) -> int:
    return (int(mask) & -int(mask)).bit_length() - 1


# preactivation(products, row, C, column, x, step, b1, z): products[row] (64,) becomes g = products[row] - C[column],
# and z becomes x - step·g. Bit r of the answer, a number of 64 bits, says whether z[r] is active, which is outside of
# the dead zone -b1 <= z < b1; NaN is.
preactivation = compiled_or_plain(_preactivation, _preactivation_plain)
# preactivation_of_eight(panel, rows, values, first, count, place, C, column, x, row, step, b1, g, z, i, bounds, at,
# slack) forms 8 entries alone, from `place` of a panel on: g[i] (8,) becomes Σ_k panel[rows[k]]·values[k] - C[column],
# over k from `first` on, and z[i] (8,) becomes x - step·g[i], with the 8 entries of x from `row` on. bounds[at], taken
# flat, becomes the largest |g[i]|, more by `slack`. Bit r of the answer says whether z[i, r] is active.
preactivation_of_eight = compiled_or_plain(_preactivation_of_eight, _preactivation_of_eight_plain)
# lowest(mask) is the number of the lowest bit that is set; there must be one.
lowest = compiled_or_plain(_lowest, _lowest_plain)
one_column = panel_times_lists(1, VECTORS)  # all 64 entries of the product of a panel and a list
half_of_four_columns = panel_times_lists(4, 4)  # four vectors of each of four products whose lists have the same rows
four_vectors, two_vectors, one_vector = (panel_times_lists(1, vectors) for vectors in (4, 2, 1))
# so many rows of a product with a vector, or three, of each entry
sixteen_rows, eight_rows, four_rows = (rows_times_list(entries, 1) for entries in (16, 8, 4))
eight_rows_of_two, four_rows_of_two = (rows_times_list(entries, 2) for entries in (8, 4))
eight_rows_of_three, four_rows_of_three = (rows_times_list(entries, 3) for entries in (8, 4))
add_on_piece, add_beside_target = add_entry(False), add_entry(True)
