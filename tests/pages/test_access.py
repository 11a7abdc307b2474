"""What keeps someone from reading a page, as a browser finds it: contrast, names, headings, tables, the keyboard."""

import shutil

import pytest

from longtail.cli import main
from pages.browser import DARK, led_by

pytestmark = pytest.mark.slow
OF_THE_SITE = ("index.html", "methods/table.html", "reference/commands/fit.html", "how-to/report.html")
FAULTS = {
    "the page has no language": "",
    "two elements are twice": '<i id="twice">a</i><i id="twice">b</i>',
    "after a heading of level 1": "<h3>too deep</h3>",
    "no words for": '<img src="data:," width="9" height="9">',
    "not an image": "<figure><svg></svg></figure>",
    "of what level is": '<p role="heading">level</p>',
    "of which row or column is": "<table><tbody><tr><th>head</th><td>1</td></tr></tbody></table>",
    "no heads": "<table><tr><td>1</td></tr></table>",
    "scrolls by the mouse alone": '<div style="width:9px;overflow-x:auto"><pre>a long line of words</pre></div>',
    "no name": '<button style="width:20px"></button>',
    "not seen when reached": '<a href="#twice" style="outline:none">nowhere</a>',
    "contrast 1.00 of p": '<p style="color:#fff;background:#fff">white</p>',
    "contrast 4.48 of b": '<b style="color:#777;background:#fff">grey</b>',
    'contrast 1.32 of text "1"': '<figure><svg role="img" aria-label="a figure" width="99" height="99">'
    '<path d="M0 0H99V99H0Z" fill="#222"/><text x="50" y="50">1</text></svg></figure>',
}


@pytest.fixture(scope="module")
def pages(sandbox, tmp_path_factory):
    """A folder of pages that longtail makes: of images, of features with DLSA, a comparison, a study."""
    folder = tmp_path_factory.mktemp("access")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(sandbox)
        fit = ["fit", "embeddings", "--methods", "joint,tau,dlsa", "--learning-curve", "--quiet", "--out"]
        assert main([*fit, str(folder / "features")]) == 0
        assert main(["calibrate", str(folder / "features"), "--quiet"]) == 0
        runs = ["runs/fit-embeddings", str(folder / "features")]
        assert main(["compare", *runs, "--method", "joint", "--out", str(folder / "comparison")]) == 0
        study = ["study", "weight-norms", "embeddings", "--methods", "joint,tau", "--quiet", "--out"]
        assert main([*study, str(folder / "study")]) == 0
        shutil.copytree("runs/photos", folder / "images")
    return folder


def complaints(folder, pages, *options):
    """What a page is to be blamed for, by page."""
    seen = led_by("access.html", folder, pages, *options)
    assert "error" not in seen, seen
    assert seen["dark"] == (DARK in options)
    assert all(page["texts"] > 20 for page in seen["pages"].values())
    return {address: page["complaints"] for address, page in seen["pages"].items() if page["complaints"]}


@pytest.mark.parametrize("options", [(), (DARK,)], ids=["light", "dark"])
def test_nothing_keeps_anyone_from_reading_what_longtail_writes(pages, options):
    addresses = [f"/{path.relative_to(pages).as_posix()}" for path in sorted(pages.rglob("*.html"))]
    assert len(addresses) >= 4
    assert complaints(pages, addresses, *options) == {}


@pytest.mark.parametrize("options", [(), (DARK,)], ids=["light", "dark"])
def test_nothing_keeps_anyone_from_reading_the_site(site, options):
    assert complaints(site, [f"/{page}" for page in OF_THE_SITE], *options) == {}


def test_every_fault_is_seen(tmp_path):
    body = "".join(FAULTS.values())
    head = "<!doctype html><title>faults</title><style>:root { color: #000 }</style>"
    page = f"{head}<main><h1>faults</h1>{body}</main>"
    (tmp_path / "faults.html").write_text(page)
    (seen,) = complaints(tmp_path, ["/faults.html"]).values()
    assert [fault for fault in FAULTS if not any(fault in complaint for complaint in seen)] == []
