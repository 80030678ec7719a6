"""What results show of themselves: one readable line, and a small table that no text can break."""

from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from scipy.sparse import csr_array
from strategies import FloatQuartic

from dsrl_ref import Fidelity, LeastSquares, Objective, Theta, fit, solve
from dsrl_ref.shown import Shown, size, table

W = [[1.0, 0.25, -2.0]]


class Read(HTMLParser):
    """The tags of a text, and what stands in each."""

    def __init__(self, text):
        super().__init__()
        self.open, self.cells, self.attributes = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.cells.append((self.open[-1], data))


class Two(Shown):
    def _facts(self):
        return {"a": "1", "b<": "x & <script>y</script>"}


def test_facts_are_a_line_and_a_table_whose_text_is_escaped():
    assert repr(Two()) == "Two(a=1, b<=x & <script>y</script>)"
    read = Read(Two()._repr_html_())
    cells = [("caption", "Two"), ("th", "a"), ("td", "1"), ("th", "b<"), ("td", "x & <script>y</script>")]
    assert read.cells == cells
    assert Read(table("<b>", {})).cells == [("caption", "<b>")]


def test_a_table_has_no_colours_of_its_own():
    assert Read(Two()._repr_html_()).attributes == []


def test_what_shows_nothing_says_so():
    with pytest.raises(NotImplementedError, match=r"^$"):
        repr(Shown())


def test_an_objective_shows_its_data_layers_and_engine():
    J = Objective(Fidelity(W), layers=2, method="tangent")
    assert repr(J) == "Objective(f=Fidelity(W 1×3), layers=2, method='tangent')"
    f = LeastSquares(np.eye(4, 5), np.ones((4, 3)))
    J = Objective(f, np.zeros((5, 3)), layers=7, per_layer=True, method="adjoint")
    assert repr(J) == "Objective(f=LeastSquares(D 4×5, Y 4×3), layers=7, per_layer=True, method='adjoint')"
    own = Objective(FloatQuartic(np.eye(2)), np.zeros((2, 3)), layers=1, x0=np.zeros((2, 3)))
    assert repr(own) == "Objective(f=FloatQuartic of 2×3, layers=1, method='adjoint')"


def test_what_fit_learned_is_a_line():
    learned = fit(Objective(Fidelity(W), [[0.5, 0.0, -1.5]], layers=1), theta=(1, 1, 0.4, 0.45), L=1.0, epochs=3)
    theta = ", ".join(f"{value:.6g}" for value in learned.theta)
    assert repr(learned) == (
        f"FitResult(status={learned.status.name}, loss={learned.loss:.6g}, theta=({theta}), "
        f"L={learned.L:.6g}, layers=1, epochs={len(learned.history['loss'])})"
    )
    assert ("td", learned.status.name) in Read(learned._repr_html_()).cells


def test_what_fit_learned_of_every_layer_is_a_line_too():
    rng = np.random.default_rng(0)
    f = LeastSquares(np.eye(4), rng.normal(size=(4, 20)))
    learned = fit(Objective(f, 0.5 * f.Y, layers=2, per_layer=True), epochs=1)
    line = repr(learned)
    assert line.startswith(f"FitResult(status={learned.status.name}, loss={learned.loss:.6g}, validation=")
    assert f"validation={learned.validation:.6g}, theta=one a layer, L=one a layer, layers=2, epochs=" in line


def test_an_old_result_does_not_tell_what_it_does_not_know():
    learned = fit(Objective(Fidelity(W), [[0.5, 0.0, -1.5]], layers=1), theta=(1, 1, 0.4, 0.45), L=1.0, epochs=3)
    for converged, status in ((True, "CONVERGED"), (False, "not converged")):
        old = replace(learned, status=None, layers=None, converged=converged)
        assert repr(old).startswith(f"FitResult(status={status}, loss=")
        assert ", layers=unknown, epochs=" in repr(old)


@pytest.mark.parametrize("form", [np.array, csr_array])
def test_a_solution_shows_how_it_ended_and_not_its_numbers(form):
    found = solve(Fidelity(form([[3.0, 0.5, -2.0]])), Theta.soft(1.0))
    assert repr(found) == (
        f"SolveResult(status=CONVERGED, objective={found.objective:.6g}, residual={found.residual:.2g}, "
        f"x=1×3 with 2 nonzeros, iterations={found.iterations})"
    )


def test_a_shape_is_written_with_crosses():
    assert (size((20, 100)), size((3,))) == ("20×100", "3")
