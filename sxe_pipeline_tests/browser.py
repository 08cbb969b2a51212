"""A real Chromium, driven by its own protocol: what a page looks like, asks for and breaks."""

import base64
import itertools
import json
import shutil
import subprocess
import time
from contextlib import contextmanager

from websockets.sync.client import connect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ABSENT = "no Chromium on this machine: nobody looks at a page"
WAIT_S = 60


class Page:
    """One tab."""

    def __init__(self, line):
        self._line, self._numbers, self.told = line, itertools.count(1), []
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        found = self._ask("Target.attachToTarget", targetId=target, flatten=True)
        self._session = found["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.ask(f"{domain}.enable")

    def ask(self, method, **given):
        """One command of the protocol, and its answer."""
        return self._ask(method, self._session, **given)

    def _ask(self, method, session=None, **given):
        number = next(self._numbers)
        about = {"sessionId": session} if session else {}
        self._line.send(json.dumps({"id": number, "method": method, "params": given, **about}))
        while True:
            said = self._next()
            if said.get("id") == number:
                assert "error" not in said, said
                return said["result"]

    def _next(self):
        said = json.loads(self._line.recv(timeout=WAIT_S))
        if "method" in said:
            self.told.append(said)
        return said

    def open(self, url, *, width, height=800, dark=False, media=""):
        """Open an address at that size, and wait until it is there."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.ask("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", media=media, features=[scheme])
        self.told.clear()
        self.ask("Page.navigate", url=url)
        while not any(said["method"] == "Page.loadEventFired" for said in self.told):
            self._next()

    def run(self, expression):
        """The value of an expression of JavaScript, which the page's own policy does not hold."""
        done = self.ask(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    def requests(self):
        """Every address that was asked for since the page was opened."""
        return [
            said["params"]["request"]["url"]
            for said in self.told
            if said["method"] == "Network.requestWillBeSent"
        ]

    def complaints(self):
        """What the console holds: what a policy refused, what could not be loaded."""
        kinds = ("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled")
        return [said["params"] for said in self.told if said["method"] in kinds]

    def picture(self):
        """The whole page as PNG."""
        return self._bytes("Page.captureScreenshot", captureBeyondViewport=True)

    def paper(self):
        """The page as PDF, A4."""
        return self._bytes("Page.printToPDF", paperWidth=8.27, paperHeight=11.69)

    def _bytes(self, method, **given):
        return base64.b64decode(self.ask(method, **given)["data"])


@contextmanager
def browser(folder):
    """A tab of a Chromium that keeps what it knows in that folder."""
    with (folder / "chromium.log").open("w") as log:
        process = subprocess.Popen(
            [
                *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
                *("--no-first-run", "--disable-background-networking", "--disable-dev-shm-usage"),
                *(f"--user-data-dir={folder}/profile", "--remote-debugging-port=0", "about:blank"),
            ],
            stdout=log,
            stderr=log,
        )
    try:
        port, path = _address(process, folder / "profile" / "DevToolsActivePort")
        with connect(f"ws://127.0.0.1:{port}{path}", max_size=None) as line:
            yield Page(line)
            line.send(json.dumps({"id": 0, "method": "Browser.close"}))
            process.wait(WAIT_S)
    finally:
        process.kill()
        process.wait()


def _address(process, told):
    end = time.monotonic() + WAIT_S
    while not told.exists() or len(told.read_text().split()) < 2:
        assert process.poll() is None, "Chromium ended"
        assert time.monotonic() < end, "Chromium does not answer"
        time.sleep(0.05)
    return told.read_text().split()
