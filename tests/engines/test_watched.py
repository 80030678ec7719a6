"""What is prepared from files is asked only while they are as they were, before and after."""

import pytest

from dsrl_ref.engines.watched import Watched
from dsrl_ref.errors import DataFileError


class Files:
    """Files that are as they were for so many looks."""

    def __init__(self, looks):
        self.looks = looks

    def check(self):
        self.looks -= 1
        if self.looks < 0:
            raise DataFileError("changed")


class Prepared:
    asked = 0

    def loss_and_gradient(self, theta, L):
        self.asked += 1
        return theta, L

    def gauss_newton(self, theta, L):
        return *self.loss_and_gradient(theta, L), 3

    def terms(self, theta, L):
        return self.loss_and_gradient(theta, L)[1]

    def gauss_newton_terms(self, theta, L):
        return self.loss_and_gradient(theta, L)[::-1]

    def ties(self, theta, L):
        return self.loss_and_gradient(theta, L)[0]

    def errors(self, theta, L):
        return [*self.loss_and_gradient(theta, L), 4]


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("loss_and_gradient", (1, 2)),
        ("gauss_newton", (1, 2, 3)),
        ("terms", 2),
        ("gauss_newton_terms", (2, 1)),
        ("ties", 1),
        ("errors", [1, 2, 4]),
    ],
)
def test_files_are_looked_at_before_and_after(method, expected):
    prepared = Prepared()
    assert getattr(Watched(prepared, Files(2)), method)(1, 2) == expected
    for looks, asked in ((0, 1), (1, 2)):
        with pytest.raises(DataFileError, match="changed"):
            getattr(Watched(prepared, Files(looks)), method)(1, 2)
        assert prepared.asked == asked
