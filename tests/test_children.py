"""Children end with their test, and a hanging one fails with its stack."""

import os
import signal
import subprocess
import time
from pathlib import Path

import children
import pytest

pytestmark = pytest.mark.children


def test_what_a_child_prints_is_returned_with_how_it_ended():
    done = children.run("-c", "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)")
    assert (done.returncode, done.stdout, done.stderr) == (3, "out\n", "err\n")


def test_a_failure_shows_what_the_child_said():
    with pytest.raises(AssertionError, match="no such thing"):
        children.output("-c", "raise SystemExit('no such thing')")


HANGS = """
import time
def hangs():
    print("ready", flush=True)
    time.sleep(10_000)
"""


def test_a_child_that_hangs_fails_with_its_stack():
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with children.started("-c", HANGS + "hangs()", **pipes) as child:
        assert child.stdout.readline() == "ready\n"
        with pytest.raises(pytest.fail.Exception, match=r"(?s)did not end within 0\.1 seconds.*in hangs"):
            children.finish(child, limit=0.1)


STARTS_ANOTHER = f"""
import subprocess, sys
other = subprocess.Popen([sys.executable, "-c", {HANGS + "hangs()"!r}], stdout=subprocess.PIPE)
other.stdout.readline()
print(other.pid, flush=True)
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc to look for a process in")
def test_what_a_hanging_child_has_started_is_killed_with_it(monkeypatch):
    monkeypatch.setattr(children, "PATIENCE", 0.1)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with children.started("-c", HANGS + STARTS_ANOTHER + "hangs()", **pipes) as child:
        number = int(child.stdout.readline())
        with pytest.raises(pytest.fail.Exception, match=r"did not end within 0\.1 seconds"):
            children.finish(child, limit=0.1)
    assert any(gone(number) for _ in range(1000))


def gone(number):
    """Whether a process has ended, waited for or not; if not, a moment is left to it."""
    try:
        state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    time.sleep(0.01)
    return state in "ZX"


def test_a_child_is_killed_when_its_test_fails():
    with (
        pytest.raises(RuntimeError, match="the test fails"),
        children.started("-c", "import time; time.sleep(10_000)", stdout=subprocess.PIPE) as child,
    ):
        raise RuntimeError("the test fails")
    assert child.returncode is not None
    assert child.stdout.closed


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
def test_a_fork_answers_or_fails_and_is_gone():
    here = os.getpid()
    assert children.forked(lambda: (os.getppid(), os.getpid() != here)) == (here, True)
    with pytest.raises(pytest.fail.Exception, match="the fork ended without an answer"):
        children.forked(lambda: os._exit(3))
    with pytest.raises(pytest.fail.Exception, match="the fork did not answer within 1 seconds"):
        children.forked(signal.pause, limit=1)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="no /proc to list the children of this process")
def test_a_test_that_leaves_a_child_fails(pytester):
    conftest = Path(__file__).with_name("conftest.py").read_text(encoding="utf-8")
    pytester.makeconftest(conftest)
    pytester.makepyfile(
        """
        import subprocess, sys
        def test_leaves():
            global child
            child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        def test_ends():
            child.kill(); child.wait(); child.stdin.close()
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:randomly")
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*left * running*"])


def test_the_environment_is_that_of_the_test_with_changes(monkeypatch):
    monkeypatch.setenv("KEPT", "1")
    changed = children.environment(ADDED="2")
    assert (changed["KEPT"], changed["ADDED"], changed["PYTHONFAULTHANDLER"]) == ("1", "2", "1")
    assert "ADDED" not in os.environ
