"""The table of engines: what "auto" takes, what is refused and why, and what every line of it must have."""

import math
import pickle
import re
import sys
from pathlib import Path

import children
import methods
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from mutants import MUTANTS
from strategies import FloatQuartic, examples

import dsrl_ref
from dsrl_ref import Fidelity, LeastSquares, Objective, disk
from dsrl_ref.engines import support, table
from dsrl_ref.engines.problem import Problem
from dsrl_ref.engines.table import ENGINES, choose, named
from dsrl_ref.errors import DataFileError, SizeError

TESTS, PACKAGE = Path(__file__).parents[1], Path(dsrl_ref.__file__).parent
W = np.ones((1, 2000))


def file_of(engine):
    """The file of an engine, below the package."""
    return Path(sys.modules[engine.prepare.__module__].__file__).relative_to(PACKAGE).as_posix()


def of_fidelity(entries=2000, times_W=1.0, layers=3, sparse=False):
    f = Fidelity(sp.csr_array(np.ones((1, entries))) if sparse else np.ones((1, entries)))
    return Problem(f, times_W * f.W, f.W, layers)


def of_least_squares(entries=2000):
    f = LeastSquares(np.ones((1, 10)), np.ones((1, entries // 10)))
    return Problem(f, f.start(), np.ones(f.shape), 3)


def of_sparse_signals(n=256, m=8, k=128, nonzeros=256):
    """Of an eighth nonzeros, and of products with DᵀD that are less work: 5·256·256 <= 2·128·2048."""
    f = LeastSquares(np.ones((k, n)), np.ones((k, m)))
    target = np.zeros(n * m)
    target[:nonzeros] = 1.0
    return Problem(f, f.start(), target.reshape(n, m), 3)


@pytest.mark.parametrize(
    ("problem", "evaluations", "expected"),
    [
        (of_fidelity(), 100, "pieces"),
        (of_fidelity(times_W=0.0), 100, "pieces"),
        (of_fidelity(sparse=True), 100, "pieces"),
        (of_fidelity(times_W=2.0), 100, "fused"),
        (of_fidelity(1999), 100, "adjoint"),
        (of_fidelity(1999, times_W=2.0), 100, "adjoint"),
        (of_fidelity(10_000), 20, "pieces"),
        (of_fidelity(100_000), 19, "fused"),
        (of_fidelity(200_000), 1, "fused"),
        (of_fidelity(199_999), 1, "adjoint"),
        (of_least_squares(), 100, "columns"),
        (of_sparse_signals(), 100, "support"),
        (of_sparse_signals(nonzeros=257), 100, "columns"),
        (of_sparse_signals(n=255, nonzeros=255), 100, "columns"),
        (of_sparse_signals(k=80), 100, "support"),
        (of_sparse_signals(k=79), 100, "columns"),
        (of_sparse_signals(m=40), 20, "support"),
        (of_sparse_signals(m=40), 19, "adjoint"),
        (of_sparse_signals(m=50), 19, "columns"),
        (of_least_squares(1990), 100, "adjoint"),
        (of_least_squares(200_000), 1, "columns"),
        (of_least_squares(199_990), 1, "adjoint"),
        (of_fidelity(layers=math.inf), 100, "implicit"),
        (of_fidelity(1, layers=math.inf), 1, "implicit"),
        (Problem(FloatQuartic(np.ones((1, 1))), W, W, 3), 10**9, "adjoint"),
    ],
)
def test_auto_goes_by_the_problem_and_the_number_of_evaluations(problem, evaluations, expected):
    assert choose(problem, evaluations).name == expected


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_array])
@examples(40)
@given(exponent=st.floats(100, 300) | st.floats(153, 155))
def test_what_auto_takes_never_refuses_its_problem(kind, exponent):
    """ "support" needs DᵀD, and "columns" has no need of it."""
    D = np.tile(np.eye(128), 2) * 10.0**exponent
    D[0] = D[1] / 2
    target = np.eye(256)[:, :8]
    problem = Problem(LeastSquares(kind(D), np.ones((128, 8))), np.zeros((256, 8)), target, 3)
    engine = choose(problem, 100)
    prepared = table.prepare(engine, problem)
    share = D.max() / math.sqrt(sys.float_info.max)
    assert engine.name == "support" or share >= 0.5
    assert engine.name == "columns" or share < 1
    assert prepared.loss_and_gradient(dsrl_ref.Theta(1, 1, 1, 1), 1e308)[0] == 4.0


def test_it_does_not_go_by_what_is_loaded():
    """In a new process, before and after numba and all kernels are."""
    code = (
        "import sys, numpy as np\nfrom dsrl_ref import Fidelity, LeastSquares, Objective\n"
        "def chosen():\n"
        "    f, W = LeastSquares(np.ones((5, 10)), np.ones((5, 199))), np.ones((1, 1999))\n"
        "    return [Objective(f, f.start(), layers=2).method, Objective(Fidelity(W), layers=2).method]\n"
        "first, before = chosen(), 'numba' in sys.modules\n"
        "Objective(Fidelity(np.ones((1, 9))), layers=2, method='pieces')((1, 1, 0.5, 0.5), 2)\n"
        "print(first == chosen() == ['adjoint', 'adjoint'], before, 'numba' in sys.modules)"
    )
    assert children.output("-c", code) == "True False True\n"


def test_an_objective_says_which_engine_runs_and_one_evaluation_is_chosen_for_as_one():
    assert Objective(Fidelity(W), layers=2).method == "pieces"
    assert Objective(Fidelity(W), layers=2, evaluations=1).method == "adjoint"
    assert Objective(Fidelity(W[:, :9]), layers=2).method == "adjoint"
    f = LeastSquares(np.ones((1, 10)), np.ones((1, 200)))
    assert Objective(f, np.ones(f.shape), layers=2).method == "columns"
    for name, engine in ENGINES.items():
        layers = math.inf if name == "implicit" else 2
        for f in (Fidelity([[1.0]]), LeastSquares([[1.0]], [[1.0]])):
            if engine.refuses(Problem(f, np.ones((1, 1)), np.ones((1, 1)), layers)) is None:
                assert Objective(f, [[1.0]], layers=layers, method=name).method == name


def test_a_method_that_is_none_or_cannot_take_the_problem_is_refused_with_the_reason():
    with pytest.raises(ValueError, match=r"method must be one of 'auto', 'tensor', .*'implicit', got 'magic'"):
        named("magic", of_fidelity())
    with pytest.raises(ValueError, match="method 'columns' is for LeastSquares alone, got Fidelity; take 'auto'"):
        named("columns", of_fidelity())
    with pytest.raises(ValueError, match=r"method 'pieces' needs x0 to be W or zeros, .* take 'fused'"):
        named("pieces", of_fidelity(times_W=2.0))


@pytest.mark.parametrize("engine", ENGINES.values(), ids=lambda engine: engine.name)
def test_every_line_has_its_own_file_mutants_of_it_and_tests_of_its_properties(engine):
    """And a row of the benchmarks, for which test_benchmarks.py asks, since it has to run them."""
    file = file_of(engine)
    assert file == f"engines/{engine.name}.py"
    assert [mutant for mutant in MUTANTS if mutant.file == file and not mutant.equivalent]
    own = TESTS / "engines" / f"test_{engine.name}.py"
    assert engine.name in methods.METHODS or "@given(" in own.read_text(encoding="utf-8")


def test_the_names_are_told_apart_and_every_rule_is_of_a_line():
    assert all(name == engine.name and re.fullmatch("[a-z]+", name) for name, engine in ENGINES.items())
    assert len({engine.summary for engine in ENGINES.values()}) == len(ENGINES)
    assert {rule.engine.name for rule in table.RULES} <= set(ENGINES)


def test_what_says_which_is_best_is_printed_from_the_table():
    told = " ".join(table.description().split())
    documented, helped = (" ".join(text.split()) for text in (Objective.__doc__, help_of_gradient()))
    assert told in documented
    assert told in helped
    for engine in ENGINES.values():
        assert f'* "{engine.name}": {engine.summary}.' in told
    for rule in table.RULES:
        assert f'"{rule.engine.name}" {rule.when}' in told


def help_of_gradient():
    return children.output("-m", "dsrl_ref", "gradient", "--help-all")


def test_documents_may_be_left_out():
    assert children.output("-OO", "-c", "import dsrl_ref; print(dsrl_ref.Objective.__doc__)") == "None\n"


def test_what_nothing_stores_is_part_of_the_answer():
    matrix = np.array([[0.0, 2.0, 0.0], [0.5, 0.0, 0.0]])
    theta = dsrl_ref.Theta(1, 0.5, 0, 1)
    stored, whole = (Problem(Fidelity(form), form, form, 3) for form in (sp.csr_array(matrix), matrix))
    for name in methods.taking(Fidelity(matrix), matrix):
        sparse, dense = (table.prepare(ENGINES[name], problem) for problem in (stored, whole))
        assert sparse.ties(theta, 2.0) == dense.ties(theta, 2.0) == 12
        expected = dense.gauss_newton(theta, 2.0)
        for got, right in zip(sparse.gauss_newton(theta, 2.0), expected, strict=True):
            assert got == pytest.approx(right, rel=1e-14)


def test_with_a_theta_a_layer_only_engines_that_have_them_are_taken():
    def per_layer(problem):
        return Problem(problem.f, problem.x0, problem.target, 3, per_layer=True)

    able = [name for name, engine in ENGINES.items() if engine.prepare_layers is not None]
    for problem in (of_fidelity(), of_fidelity(100_000), of_sparse_signals(), of_least_squares()):
        assert choose(per_layer(problem)).name in able
        assert table.refusal(choose(per_layer(problem)), per_layer(problem)) is None
    with pytest.raises(
        ValueError, match="method 'implicit' has one Θ and one L for all layers, and per_layer=True asks"
    ):
        named("implicit", per_layer(of_fidelity()))
    with pytest.raises(ValueError, match="method 'columns' is for LeastSquares alone, got Fidelity"):
        named("columns", of_fidelity())
    assert table.refusal(ENGINES["pieces"], of_fidelity()) is None


def test_auto_passes_over_an_engine_that_shares_theta(monkeypatch):
    first, sharing = table.RULES[2], ENGINES["pieces"]._replace(prepare_layers=None)
    monkeypatch.setattr(table, "RULES", (first._replace(engine=sharing), *table.RULES[3:]))
    W = np.ones((1, 20_000))
    own, shared = (Problem(Fidelity(W), W, W, 3, per_layer=each) for each in (True, False))
    assert (choose(own).name, choose(shared).name) == ("fused", "pieces")


@pytest.mark.parametrize(
    ("entries", "layers", "name"),
    [(20_000, 50, "pieces"), (19_999, 50, "fused"), (20_000, 51, "fused"), (2000, 1, "pieces")],
)
def test_pieces_of_many_layers_are_taken_for_many_entries(entries, layers, name):
    """With 5t derivatives a piece; five that all layers share are as cheap for any number of entries."""
    own, shared = (
        Problem(f, f.W, f.W, layers, per_layer=each)
        for f in [Fidelity(np.ones((1, entries)))]
        for each in (True, False)
    )
    assert choose(own).name == name
    assert choose(shared).name == "pieces"


def test_what_nothing_stores_is_part_of_the_answer_of_every_layer():
    matrix = np.array([[0.0, 2.0, 0.0], [0.5, 0.0, 0.0]])
    thetas, L = (dsrl_ref.Theta(1, 0.5, 0, 1), dsrl_ref.Theta(1, 0.5, 0.25, 1)), np.array([2.0, 4.0])
    stored, whole = (Problem(Fidelity(form), form, form, 2, per_layer=True) for form in (sp.csr_array(matrix), matrix))
    sparse, dense = (table.prepare_layers(ENGINES["adjoint"], problem) for problem in (stored, whole))
    assert sparse.ties(thetas, L) == dense.ties(thetas, L) == 4
    for got, right in zip(sparse.gauss_newton(thetas, L), dense.gauss_newton(thetas, L), strict=True):
        assert got == pytest.approx(right, rel=1e-14)
    rows = sparse.loss_and_gradient(thetas, L)[1]
    assert rows == pytest.approx(dense.loss_and_gradient(thetas, L)[1], rel=1e-14)


def carried(value):
    return pickle.loads(pickle.dumps(value))


@pytest.mark.parametrize("engine", ENGINES.values(), ids=lambda engine: engine.name)
@pytest.mark.parametrize("per_layer", [False, True])
@pytest.mark.parametrize("sparse", [False, True])
def test_a_prepared_problem_answers_the_same_where_it_has_been_sent(engine, per_layer, sparse):
    """To another process, as workers do; of what nothing stores too."""
    W = np.random.default_rng(0).normal(size=(9, 40)).clip(0, None)
    least_squares = LeastSquares(np.eye(9), W)
    layers = math.inf if engine.name == "implicit" else 3
    for f in (Fidelity(sp.csr_array(W) if sparse else W), least_squares):
        x0 = f.start()
        for times in (1.0, 0.5):  # what is one array here is two there
            problem = Problem(f, x0, x0 if times == 1 else times * x0, layers, 2, per_layer and layers == 3)
            if table.refusal(engine, problem) is not None:
                continue
            theta, L = dsrl_ref.Theta(1.1, 0.6, 0.23, 1.07), 1.7
            if problem.per_layer:
                theta, L = (theta,) * 3, np.array([1.7, 2.1, 1.4])
            here = (table.prepare_layers if problem.per_layer else table.prepare)(engine, problem)
            there = carried(here)
            assert there.ties(theta, L) == here.ties(theta, L)
            for of_here, of_there in zip(here.gauss_newton(theta, L), there.gauss_newton(theta, L), strict=True):
                assert np.array_equal(of_here, of_there)


@pytest.fixture
def of_file(tmp_path, monkeypatch):
    """Makes the problem of a `Fidelity` on disk, where little is large."""
    monkeypatch.setattr(disk, "LARGE", 64)
    np.save(tmp_path / "w.npy", np.arange(1.0, 21.0).reshape(1, 20))

    def make(times_W=1.0, layers=2):
        f = Fidelity(tmp_path / "w.npy")
        return Problem(f, f.W if times_W == 1 else times_W * f.W, f.W, layers)

    make.path = tmp_path / "w.npy"
    return make


@pytest.mark.parametrize(
    ("evaluations", "times_W", "expected"), [(1, 1, "fused"), (26, 1, "fused"), (27, 1, "disk"), (1000, 2, "fused")]
)
def test_of_data_on_disk_only_what_reads_them_by_blocks_is_taken(of_file, evaluations, times_W, expected):
    """However few they are: an engine that holds all would be loaded in no time, and fill the memory."""
    assert choose(of_file(times_W), evaluations).name == expected
    assert choose(of_fidelity(20), 1).name == "adjoint"
    assert choose(of_fidelity(), 1000).name == "pieces"


def test_a_target_is_not_read_where_its_nonzeros_decide_nothing(monkeypatch):
    """Those of a target on disk are as many bytes as it has, and of few rows or too many no number would change it."""

    def refuse(problem):
        raise AssertionError("the target was read")

    few, many = of_sparse_signals(n=255, nonzeros=1), of_sparse_signals(n=300, m=1, nonzeros=1)
    on_disk = of_sparse_signals()
    on_disk.on_disk = True
    monkeypatch.setattr(support, "LARGEST", 8 * 300 * 320 - 1)
    assert choose(of_sparse_signals(), 100).name == "support"
    monkeypatch.setattr(Problem, "nonzeros", property(refuse))
    assert [choose(problem, 1000).name for problem in (few, many, on_disk)] == ["columns"] * 3


def test_what_holds_all_in_memory_is_refused_for_data_on_disk(of_file):
    able = {name for name, engine in ENGINES.items() if table.refusal(engine, of_file()) is None}
    assert able == {"fused", "disk"}
    with pytest.raises(
        ValueError, match=r"method 'pieces' holds matrices of 1\.6e-07 GB in memory, for data on disk; take"
    ):
        named("pieces", of_file())
    with pytest.raises(SizeError, match="every engine that takes the problem holds matrices of"):
        choose(of_file(layers=math.inf))


def test_what_is_prepared_of_a_file_is_asked_while_the_file_is_as_it_was(of_file):
    prepared = table.prepare(ENGINES["disk"], of_file())
    loss, _ = prepared.loss_and_gradient(dsrl_ref.Theta(1, 0.5, 0.25, 1), 2.0)
    assert loss > 0
    of_file.path.write_bytes(b"")
    with pytest.raises(DataFileError, match=r"w\.npy has changed since it was read"):
        prepared.loss_and_gradient(dsrl_ref.Theta(1, 0.5, 0.25, 1), 2.0)


def test_what_is_prepared_of_a_file_takes_its_entries_with_it(of_file):
    for name in ("fused", "disk"):
        prepared = table.prepare(ENGINES[name], of_file())
        there, arguments = carried(prepared), (dsrl_ref.Theta(1, 0.5, 0.25, 1), 2.0)
        assert there.loss_and_gradient(*arguments)[0] == prepared.loss_and_gradient(*arguments)[0] > 0
