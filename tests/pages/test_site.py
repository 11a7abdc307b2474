"""The site is built without a warning, and a browser goes through it as on a phone."""

import html
import json
import re
import shutil
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import pytest

from pages.written import ROOT

pytestmark = pytest.mark.slow
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the site."""
    missing = [name for name in ("sphinx", "furo", "myst_parser") if find_spec(name) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)}: not installed; pip install '.[docs]' brings it")
    out = tmp_path_factory.mktemp("docs") / "site"
    words = [sys.executable, str(ROOT / "docs/site/build.py"), "--out", str(out)]
    built = subprocess.run(words, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    return out


@pytest.fixture(scope="module")
def walked(site):
    """What a browser of the width of a phone met, on every page."""
    if BROWSER is None:
        pytest.skip("there is no Chromium or Chrome here")
    shutil.copy(Path(__file__).parent / "walk.html", site / "walk.html")
    pages = [
        f"/{path.relative_to(site).as_posix()}" for path in sorted(site.rglob("*.html")) if path.name != "walk.html"
    ]
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/walk.html#{quote(json.dumps(pages))}"
        words = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=600000", "--dump-dom", address]
        seen = subprocess.run([BROWSER, *words], capture_output=True, text=True, timeout=900)
        server.shutdown()
    result = re.search(r'<pre id="result">(.*?)</pre>', seen.stdout, re.DOTALL)
    assert result, seen.stderr[-2000:]
    assert result[1], "the browser came to no end"
    return json.loads(html.unescape(result[1]))


class Silent(SimpleHTTPRequestHandler):
    def log_message(self, *words):
        """Say nothing of each request."""


def test_there_is_a_page_for_each_verb_method_and_room(site):
    for page in (
        "index.html",
        "reference/commands/fit.html",
        "reference/commands/study-leakage.html",
        "reference/python/heads.html",
        "methods/tau.html",
        "project/changelog.html",
    ):
        assert (site / page).is_file(), page


def test_names_of_the_reference_are_links(site):
    page = (site / "reference/python/heads.html").read_text()
    assert 'id="longtail.heads.TauNormalized"' in page
    assert "https://numpy.org/doc/stable/reference/typing.html#numpy.typing.ArrayLike" in page
    assert 'id="cmdoption-longtail-fit-methods"' in (site / "reference/commands/fit.html").read_text()


def test_no_page_is_wider_than_a_phone(walked):
    assert "error" not in walked
    assert {page: one["wide"] for page, one in walked["pages"].items() if one["wide"] > 390} == {}


def test_light_and_dark_can_be_read(walked):
    for page, one in walked["pages"].items():
        light, dark = ([brightness(colour) for colour in theme] for theme in one["colours"])
        assert light[0] < 0.3 < 0.7 < light[1], page
        assert dark[1] < 0.3 < 0.7 < dark[0], page


def brightness(colour):
    return sum(map(int, re.findall(r"\d+", colour)[:3])) / 765


def test_search_finds_what_is_rare(walked):
    assert len(walked["found"]) >= 5


def test_the_table_of_methods_sorts_and_narrows(walked):
    numbers = [float(cell) for cell in walked["sorted"] if cell != "-"]
    assert numbers == sorted(numbers, reverse=True)
    assert walked["sorted"][-1] == "-"
    assert {"ncm", "lda", "tau"} <= set(walked["narrowed"])
    assert "mlp" not in walked["narrowed"]
