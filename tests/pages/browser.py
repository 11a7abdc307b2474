"""A browser that is led through pages of a folder, where there is one."""

import html
import json
import re
import shutil
import subprocess
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import pytest

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
DARK = "--blink-settings=preferredColorScheme=0"


class Silent(SimpleHTTPRequestHandler):
    def log_message(self, *words):
        """Say nothing of each request."""


def led_by(guide, folder, pages, *options):
    """What the script of tests/pages/GUIDE, which is given the addresses of pages in a folder, says at its end."""
    if BROWSER is None:
        pytest.skip("there is no Chromium or Chrome here")
    shutil.copy(Path(__file__).parent / guide, folder / guide)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/{guide}#{quote(json.dumps(pages))}"
        words = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=600000", *options]
        seen = subprocess.run([BROWSER, *words, "--dump-dom", address], capture_output=True, text=True, timeout=900)
        server.shutdown()
    (folder / guide).unlink()
    result = re.search(r'<pre id="result">(.*?)</pre>', seen.stdout, re.DOTALL)
    assert result, seen.stderr[-2000:]
    assert result[1], "the browser came to no end"
    return json.loads(html.unescape(result[1]))
