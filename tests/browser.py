"""A browser for tests: headless Chromium, where the system has one, spoken to over two pipes.

The protocol is the browser's own (DevTools); a message is JSON and ends with a zero byte.
"""

import base64
import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path

import children

NAMES = "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"
FOUND = next(filter(None, map(shutil.which, NAMES)), None)
MISSING = f"none of {', '.join(NAMES)} is installed: pages are not looked at in a browser"
# Puts the pipes where the browser looks for them, and becomes the browser.
LAUNCH = """
import fcntl, os, sys
read, write = (fcntl.fcntl(int(end), fcntl.F_DUPFD, 10) for end in sys.argv[1:3])
os.dup2(read, 3)
os.dup2(write, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
FLAGS = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-sandbox",  # which root may not use, and which keeps out nothing here: the pages are ours
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
)


class Browser:
    """One page of a running browser."""

    def __init__(self, write, read):
        self.write, self.read, self.last, self.events = write, read, 0, []
        self.session = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method, **parameters):
        """What the browser answers; events that come before are kept."""
        self.last += 1
        message = {"id": self.last, "method": method, "params": parameters}
        self._send(message if self.session is None else {**message, "sessionId": self.session})
        while (answer := self._next()).get("id") != self.last:
            self.events.append(answer)
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def _send(self, message):
        self.write.write(json.dumps(message).encode() + b"\0")
        self.write.flush()

    def _next(self):
        taken = bytearray()
        while (byte := self.read.read(1)) != b"\0":
            assert byte, "the browser has ended"
            taken += byte
        return json.loads(taken)

    def open(self, path, width, height=900, *, dark=False):
        """Show a page in a window of this width, as of a screen that is dark or light."""
        self.events.clear()
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=True)
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Page.navigate", url=Path(path).resolve().as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._next())

    def evaluate(self, expression):
        """The value of an expression in the page."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def complaints(self):
        """What the page has written to the console, or thrown."""
        kinds = {"Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"}
        self.evaluate("0")  # after which all events of loading have come
        return [event for event in self.events if event.get("method") in kinds]

    def requested(self):
        """What the page has asked for, itself and what it holds left out."""
        sent = [
            event["params"]["request"]["url"] for event in self.events if event["method"] == "Network.requestWillBeSent"
        ]
        return [url for url in sent[1:] if not url.startswith("data:")]

    def picture(self, path):
        """Write the whole page to a .png, for people."""
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        Path(path).write_bytes(base64.b64decode(shot["data"]))

    def print(self, path):
        """Write the page as it is printed on A4 to a .pdf, for people."""
        shot = self.call("Page.printToPDF", paperWidth=8.27, paperHeight=11.69)
        Path(path).write_bytes(base64.b64decode(shot["data"]))


@contextlib.contextmanager
def browser(folder):
    """A browser that keeps its files in `folder`; it is gone after the block, or at the limit of children."""
    # The path of a socket has at most 107 letters, and `folder` may lie too deep for it.
    with tempfile.TemporaryDirectory() as sockets:
        yield from _started(folder, sockets)


def _started(folder, sockets):
    (child_read, write), (read, child_write) = os.pipe(), os.pipe()
    flags = [*FLAGS, f"--user-data-dir={folder}"]
    own = children.environment(HOME=str(folder), TMPDIR=sockets)
    quiet = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    ends = child_read, child_write
    with children.started("-c", LAUNCH, *ends, FOUND, *flags, env=own, pass_fds=ends, **quiet) as child:
        for end in ends:
            os.close(end)
        limit = threading.Timer(children.LIMIT, child.kill)  # after which there is nothing to read
        limit.start()
        try:
            with os.fdopen(write, "wb") as sending, os.fdopen(read, "rb") as receiving:
                yield Browser(sending, receiving)
        finally:
            limit.cancel()
