"""`Status`: a state for programs, with a text for people."""

import pytest

from dsrl_ref import Status


def test_what_ended_as_it_was_meant_to():
    assert {status for status in Status if status.converged} == {
        Status.CONVERGED,
        Status.STATIONARY,
        Status.COMPLETED,
    }


@pytest.mark.parametrize("status", list(Status))
def test_every_state_is_explained_and_advises(status):
    assert f"    {status.name}\n" in (Status.__doc__ or "")
    assert status.converged or any(word in status.value for word in ("raise", "allow", "start", "best so far"))
    assert Status(status.value) is status
