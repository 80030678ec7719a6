"""Child processes of tests: none outlives its test, and one that hangs fails with its stack.

The limit is no verdict on speed. It is many times what the slowest child takes on a busy machine, and only ends what
would never end by itself.
"""

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys

import pytest

LIMIT = 600.0  # seconds
PATIENCE = 5.0  # seconds that an aborted child may take to write its stack


def environment(**changes):
    """This process's environment with `changes`; a child that is aborted writes the stack of every thread."""
    return {**os.environ, "PYTHONFAULTHANDLER": "1", **changes}


def run(*arguments, limit=LIMIT, env=None, **options):
    """Run ``python ARGUMENTS`` to its end and return what it printed and how it ended."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
    with started(*arguments, env=env, **options) as child:
        out, err = finish(child, limit)
    return subprocess.CompletedProcess(arguments, child.returncode, out, err)


def output(*arguments, **options):
    """What ``python ARGUMENTS`` printed; a failure shows what it said on stderr."""
    done = run(*arguments, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def finish(child, limit=LIMIT):
    """Read a child to its end; past the limit it is aborted, and the test fails with the child's stack.

    What the child has started itself may hold its pipes open: after another while all of it is killed.
    """
    try:
        return child.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        child.send_signal(signal.SIGABRT)
    try:
        _, err = child.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        _kill(child)
        _, err = child.communicate()
    pytest.fail(f"the child did not end within {limit:g} seconds; it was here:\n{err}")


def _kill(child):
    """Kill a child that is not yet waited for, with all that it has started."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
    else:
        child.kill()


def forked(function, limit=LIMIT):
    """What ``function()`` returns in a fork of this process, and the child is gone; there is no fork on Windows."""
    context = multiprocessing.get_context("fork")
    receiving, sending = context.Pipe(duplex=False)
    child = context.Process(target=lambda: sending.send(function()))
    with receiving, sending:
        child.start()
        try:
            sending.close()  # else the end of the child would not be seen
            if not receiving.poll(limit):
                os.kill(child.pid, signal.SIGABRT)  # its stack is on stderr: pytest enables faulthandler
                pytest.fail(f"the fork did not answer within {limit:g} seconds")
            return receiving.recv()
        except EOFError:
            pytest.fail("the fork ended without an answer; what it raised is on stderr")
        finally:
            child.kill()
            child.join()
            child.close()


@contextlib.contextmanager
def started(*arguments, env=None, **options):
    """Start ``python ARGUMENTS``, kill it at the end of the block if it still runs, and close its pipes."""
    command, own = [sys.executable, *map(str, arguments)], environment() if env is None else env
    with subprocess.Popen(command, env=own, start_new_session=True, **options) as child:
        try:
            yield child
        finally:
            if child.returncode is None:
                _kill(child)
