import json
import re
from html.parser import HTMLParser
from importlib.resources import files

import pytest

from longtail.errors import InputError
from longtail.report import render_report, write_report
from longtail.report.class_figures import DRAWN_CLASSES
from longtail.report.confusion_figures import FULL

VOID = {"meta", "img", "br", "wbr", "link", "hr", "input", "path", "use"}


class Page(HTMLParser):
    """Checks nesting and gathers what tests ask for."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.open, self.ids, self.tags, self.attributes, self.text = [], [], [], [], []
        self.feed(html)
        self.close()
        assert self.open == [], f"not closed: {self.open}"

    def handle_starttag(self, tag, attributes):
        self.handle_startendtag(tag, attributes)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes.append((tag, dict(attributes)))
        self.ids += [value for name, value in attributes if name == "id"]

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open, f"</{tag}> closes nothing"
            assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.text.append(data)

    @property
    def words(self):
        return " ".join(" ".join(self.text).split())

    def of(self, tag):
        return [attributes for name, attributes in self.attributes if name == tag]


def check(html):
    """What must hold for every page."""
    page = Page(html)
    assert len(page.ids) == len(set(page.ids)), "ids are not unique"
    for tag, attributes in page.attributes:
        assert tag not in ("script", "link", "iframe", "object"), tag
        for name, value in attributes.items():
            assert not name.startswith("on"), f"{tag} {name}"
            if name in ("src", "href", "xlink:href", "action"):
                assert value.startswith(("data:image/", "#")), value
                assert not value.startswith("#") or value[1:] in page.ids, value
            if name in ("aria-labelledby", "aria-describedby"):
                assert value in page.ids, value
            for target in re.findall(r"url\(#([^)]*)\)", value or ""):
                assert target in page.ids, target
    assert "@import" not in html
    assert all(attributes.get("alt") for attributes in page.of("img"))
    assert all(attributes.get("aria-label") for attributes in page.of("svg"))
    assert all(attributes.get("scope") for attributes in page.of("th"))
    return page


EVIL = [
    "<script>alert(1)</script>",
    "$x^2$ $",
    "a & b \"q\" 'r'",
    "{{ 70*70 }}",
    "猫 日本語",
    "line\nbreak\x07",
    "--> </svg>",
    "Leopardus tigrinus, also called oncilla, of the north",
    "",
    "%s {0}",
]


@pytest.mark.parametrize(
    "shape",
    [
        {},
        {"num_classes": 121, "largest": 5000, "ratio": 1500},
        {"names": EVIL},
        {"counts": [500, 500, 5, 5]},
        {"counts": [300, 40, 2, 0]},
        {"counts": [7, 7]},
        {"counts": [2000] * 30},
    ],
    ids=["ten", "many", "evil names", "step", "empty class", "few only", "balanced"],
)
def test_page_is_sound_for_every_shape_of_data(tmp_path, build_results, save_images, shape):
    results = build_results(**shape)
    save_images(results, tmp_path)
    page = check(render_report(results, tmp_path))
    # a matrix for joint and one for tau, where classes are few enough
    assert page.tags.count("svg") == (8 if len(results["data"]["class_names"]) <= 25 else 6)


def test_everything_there_is_is_shown(tmp_path, build_results, save_images):
    results = build_results()
    save_images(results, tmp_path)
    page = check(render_report(results, tmp_path))
    shown = [
        results["verdict"]["sentence"],
        results["command"],
        results["created"],
        "made-up processor",
        results["data"]["notes"][0],
        "keep_bias=False",
        "best on validation",
        *(f"{entry['metrics']['test'][key]:.1f}" for entry in results["methods"].values() for key in ("all", "few")),
    ]
    for words in shown:
        assert words in page.words, words
    # ten classes with three test images, one of their own, and one or two of others
    assert page.tags.count("img") == 10 * 4 + 10 * 2


def test_names_are_escaped_everywhere(tmp_path, build_results, save_images):
    results = build_results(names=EVIL)
    results["title"] = results["verdict"]["sentence"] = results["command"] = "</title><img src=x onerror=alert(1)>"
    results["data"]["notes"] = ["<iframe src='http://example.org'>"]
    results["environment"]["cpu"] = "<b>"
    results["methods"]['"><script>'] = results["methods"].pop("lws")
    save_images(results, tmp_path)
    page = check(render_report(results, tmp_path))
    assert "<script>alert(1)</script>" in page.words
    assert "{{ 70*70 }}" in page.words
    assert "4900" not in page.words


def test_interval_decides_the_words_where_nothing_was_tested(tmp_path, build_results):
    results = build_results()
    results["comparisons"] = None
    change = {"difference": 1.0, "interval": [-1.0, 3.0]}
    for entry in results["methods"].values():
        entry["versus_joint"] = None
    results["methods"]["tau"]["versus_joint"] = {
        "all": {"difference": -2.0, "interval": [-3.0, -1.0]},
        "balanced": {"difference": 2.0, "interval": [1.0, 3.0]},
        "many": change,
        "medium": None,
        "few": {"difference": -0.01, "interval": [0.0, 3.0]},
    }
    words = check(render_report(results, tmp_path)).words
    found = words[words.index("Difference to joint") : words.index("▲ and ▼")]
    # balanced, few, many, all
    assert re.findall("better|worse|may be chance", found) == ["better", "may be chance", "may be chance", "worse"]
    assert "−2.0" in found
    assert "−0.0" not in found


def lean(results):
    """The same with fewer figures, which take the time."""
    for remove in (without_stage1, without_curves, without_norms):
        remove(results)
    return results


def test_the_corrected_test_decides_before_the_interval(tmp_path, build_results):
    results = lean(build_results())
    change = {"difference": 3.0, "interval": [1.0, 5.0], "p": 0.02, "p_corrected": 0.2, "smallest": None}
    tau = next(pair for pair in results["comparisons"]["pairs"] if pair["method"] == "tau")
    tau["metrics"] = {"all": change, "balanced": {**change, "p_corrected": 0.04}, "many": None}
    results["verdict"]["doubt"] = "A gain is not shown."
    tau["metrics"] |= {"medium": {**change, "difference": -3.0, "p_corrected": 0.0002}, "few": change}
    words = check(render_report(results, tmp_path)).words
    shown = words[words.index("tau is difference p, corrected") : words.index("could show from", 0) + 400]
    assert re.findall(r"(all|balanced|medium|few) [▲▼≈] (better|worse|not shown)", shown) == [
        ("balanced", "better"),
        ("few", "not shown"),
        ("medium", "worse"),
        ("all", "not shown"),
    ]
    assert "< 0.001" in shown
    assert "A gain is not shown." in words
    assert "corrected by Holm for the 6 comparisons" in words
    assert "Every comparison" in words


def test_classes_that_gained_and_lost_are_named(tmp_path, build_results):
    results = lean(build_results(counts=[300, 200, 40, 5, 4]))
    for name, recall in (("joint", [90, 80, 50, 10, 0]), ("tau", [80, 80, 70, 60, 50])):
        results["methods"][name]["metrics"]["test"] |= {
            "per_class": [float(value) for value in recall],
            "per_class_images": [40, 40, 20, 10, 2],
        }
    words = check(render_report(results, tmp_path)).words
    gained = words[words.index("Gained most") : words.index("Lost most")]
    assert re.findall(r"class \d [+−]\d+\.\d \d+ → \d+ of \d+", gained) == [
        "class 3 +50.0 1 → 6 of 10",
        "class 2 +20.0 10 → 14 of 20",
    ]
    assert "class 0 −10.0 36 → 32 of 40" in words[words.index("Lost most") :]
    assert "3 classes are found more often, 1 less often, 1 as often as before" in words
    assert "One class with fewer than 5 test images is not listed here: one image is more than 20 points there" in words


def test_what_to_collect_next_is_sorted_and_says_what_it_rests_on(tmp_path, build_results):
    words = check(render_report(lean(build_results()), tmp_path)).words
    found = words[words.index("Which classes to collect next") : words.index("How it was measured")]
    assert "7 of 10 classes are expected to gain from more images of their own; of 3 this cannot be said" in found
    assert re.findall(r"class \d", found[found.index("judged by") :])[:7] == [f"class {c}" for c in range(9, 2, -1)]
    assert "about 39" in found
    assert "+6.0 points (+2.0 to +10.0) if it is in “few”" in found
    assert "its own images" in found
    assert "cannot be told" not in found


def test_classes_that_cannot_be_told_apart_are_said_to_be_so(tmp_path, build_results):
    results = lean(build_results())
    for row in results["learning_curve"]["classes"]:
        row["own_share"] = 0.1
    assert (
        "Which class of a group gains more than the others cannot be told"
        in check(render_report(results, tmp_path)).words
    )
    for row in results["learning_curve"]["classes"]:
        row["verdict"] = "cannot say"
    assert "This cannot be said for any class." in check(render_report(results, tmp_path)).words


def test_labels_worth_a_look_come_with_images_where_there_are(tmp_path, build_results, save_images):
    results = lean(build_results())
    table = check(render_report(results, tmp_path)).words
    assert "14 nearly the same, two splits; 1 likely mislabelled." in table
    assert "train row 8 class 0 – class 1 0.800" in table
    save_images(results, tmp_path)
    first, second = results["label_problems"]["found"]
    first["image"] = first["other_image"] = second["image"] = second["other_image"] = "examples/train-00001.png"
    pictured = check(render_report(results, tmp_path)).words
    assert "train row 8 labelled class 0" in pictured
    first["name"], first["other_name"] = "photos/ant/1.png", "photos/bee/2.png"
    named = check(render_report(results, tmp_path)).words
    assert "train ant/1.png labelled class 0" in named
    assert "test bee/2.png labelled class 0" in named
    assert "rather, as this one: class 1" in pictured
    results["label_problems"] = {"totals": {}, "found": [], "not_looked_for": ["nearly the same", "likely mislabelled"]}
    left_out = check(render_report(results, tmp_path)).words
    assert "Not looked for: nearly the same; likely mislabelled." in left_out
    assert "Nothing was found" not in left_out


def test_only_the_compared_methods_speak_below_an_image(tmp_path, build_results, save_images):
    results = lean(build_results())
    save_images(results, tmp_path)
    for row in results["rare_classes"]:
        for example in row["examples"]:
            example["predicted"] = {"joint": 0, "crt": 1, "tau": 0}
    words = check(render_report(results, tmp_path)).words
    assert "joint, tau: class 0" in words
    assert "crt: class 1" not in words


def test_what_auto_chose_by_is_shown(tmp_path, build_results):
    results = lean(build_results())
    results["methods"]["auto"] = results["methods"].pop("lws")
    choice = {
        "scores": {"tau": 61.25, "crt": 58.0},
        "on": "val",
        "metric": "few",
        "costs": None,
        "rule": "highest score",
    }
    results["methods"]["auto"]["choice"] = choice
    words = check(render_report(results, tmp_path)).words
    assert "What auto chose by, few accuracy on val: tau 61.2, crt 58.0. Rule: highest score." in words


def test_long_names_break_behind_underscores(tmp_path, build_results):
    names = [f"hydromedusae_type_{c}_<b>" for c in range(10)]
    html = render_report(lean(build_results(names=names)), tmp_path)
    check(html)
    assert "hydromedusae_<wbr>type_<wbr>1_<wbr>&lt;b&gt;" in html
    short = render_report(lean(build_results(names=[f"fish_{c:02}" for c in range(10)])), tmp_path)
    assert "fish_01" in short
    assert "fish_<wbr>" not in short


def test_contents_name_every_section_that_is_there(tmp_path, build_results):
    results = lean(build_results())
    html = render_report(results, tmp_path)
    page = check(html)
    named = [attributes["href"][1:] for attributes in page.of("a")]
    assert named == ["methods", "versus", "where", "rare", "confusion", "collect", "labels", "made"]
    assert [section for section in re.findall(r'<section aria-labelledby="(\w+)"', html) if section in named] == named
    results |= {"learning_curve": None, "confusion": {}, "label_problems": None, "rare_classes": []}
    fewer = check(render_report(results, tmp_path))
    assert [attributes["href"][1:] for attributes in fewer.of("a")] == ["methods", "versus", "where", "made"]


def test_doubts_and_notes_stand_before_the_first_table(tmp_path, build_results):
    results = lean(build_results())
    results["verdict"]["doubt"] = "A gain is not shown."
    html = render_report(results, tmp_path)
    head = html[: html.index("<table")]
    for words in ("3 of 400 test rows stand", "A gain is not shown.", "before it had converged", "stratified, seed 0"):
        assert words in head
    assert head.index("3 of 400") < head.index("A gain is not shown.") < head.index("converged")


def test_methods_are_explained_where_they_first_stand(tmp_path, build_results):
    results = lean(build_results())
    results["methods"]["ncm"]["summary"] = "nearest class mean"
    html = render_report(results, tmp_path)
    assert html.index("<dd>nearest class mean</dd>") < html.index('id="shows"')


def test_results_without_shared_rows_stand_beside(tmp_path, build_results):
    results = lean(build_results())
    words = check(render_report(results, tmp_path)).words
    assert "The same without the test rows that stand in another split too" in words
    assert "12.3" in words
    assert "396" in words
    results["shared_rows"]["without"] = None
    assert "The same without the test rows" not in check(render_report(results, tmp_path)).words


def test_what_is_taken_for_what(tmp_path, build_results):
    few = check(render_report(lean(build_results()), tmp_path)).words
    assert "Most frequent mistakes" not in few
    many = lean(build_results(num_classes=40))
    words = check(render_report(many, tmp_path)).words
    assert "Most frequent mistakes of tau class taken for images class 0 class 1 9 of 40" in words
    many["confusion"] = {}
    assert "What is taken for what" not in check(render_report(many, tmp_path)).words


def test_files_are_named_under_their_pictures(tmp_path, build_results, save_images):
    results = lean(build_results())
    save_images(results, tmp_path)
    assert "b/photo_0.png" in check(render_report(results, tmp_path)).words


def test_an_interval_of_no_width_is_not_shown(tmp_path, build_results):
    results = lean(build_results())
    results["methods"]["tau"]["metrics"]["test"]["intervals"]["balanced"] = [33.3, 33.3]
    assert "33.3 to 33.3" not in render_report(results, tmp_path)


def test_empty_group_is_a_dash_never_zero(tmp_path, build_results):
    page = check(render_report(build_results(counts=[500, 500, 5, 5]), tmp_path))
    assert "no class of this group has an image here" in [found.get("title") for found in page.of("abbr")]


def test_choice_on_test_is_stamped(tmp_path, build_results):
    results = build_results()
    assert "spoiled" not in check(render_report(results, tmp_path)).words
    results["methods"]["tau"]["selected_on"] = results["methods"]["tau"]["curve"]["split"] = "test"
    words = check(render_report(results, tmp_path)).words
    assert "Chosen on test: tau" in words
    assert "This was chosen on the test split." in words
    assert "never on test" not in words


def without_stage1(results):
    results["stage1"] = None


def without_curves(results):
    for entry in results["methods"].values():
        entry["curve"] = None


def without_norms(results):
    for entry in results["methods"].values():
        entry["weight_norms"] = None


def without_comparison(results):
    without_evidence(results)
    for entry in results["methods"].values():
        entry["versus_joint"] = None


def without_evidence(results):
    results["comparisons"] = None


def without_curve_by_class(results):
    results["learning_curve"] = None


def without_label_problems(results):
    results["label_problems"] = None


def without_rare(results):
    results["rare_classes"] = []


def without_test(results):
    without_comparison(results)
    without_rare(results)
    for entry in results["methods"].values():
        del entry["metrics"]["test"]


def without_any_metrics(results):
    without_test(results)
    for entry in results["methods"].values():
        entry["metrics"] = {}


@pytest.mark.parametrize(
    ("remove", "gone"),
    [
        (without_stage1, ["Stage 1"]),
        (without_curves, ["the choice of tau"]),
        (without_norms, ["Weight norm of each class"]),
        (without_comparison, ["Gained and lost"]),
        (without_rare, ["The rarest classes"]),
        (without_evidence, ["What this test set can and cannot show"]),
        (without_curve_by_class, ["Which classes to collect next"]),
        (without_label_problems, ["Labels worth a look"]),
        (without_test, ["Gained and lost", "The rarest classes", "on the test split"]),
        (without_any_metrics, ["Is it better?", "Accuracy by group", "Every class in numbers"]),
    ],
)
def test_missing_part_leaves_no_trace(tmp_path, build_results, remove, gone):
    results = build_results()
    before = check(render_report(results, tmp_path)).words
    remove(results)
    after = check(render_report(results, tmp_path)).words
    for words in gone:
        assert words in before
        assert words not in after


def test_all_parts_missing_at_once(tmp_path, build_results):
    results = build_results()
    for remove in (without_stage1, without_curves, without_norms, without_any_metrics):
        remove(results)
    for key in ("command", "created", "seed"):
        del results[key]
    results["verdict"] = {"best": None, "selected_on": "not selected", "sentence": "Nothing was measured."}
    results["data"]["splits"] = {"train": {"images": 5}}
    page = check(render_report(results, tmp_path))
    assert "Nothing was measured." in page.words
    assert "What changed inside" not in page.words


def test_validation_stands_in_for_test_and_says_so(tmp_path, build_results):
    results = build_results()
    without_test(results)
    words = check(render_report(results, tmp_path)).words
    assert "There is no test split." in words
    assert "Accuracy on the validation split" in words


def test_joint_alone(tmp_path, build_results):
    results = build_results()
    results["methods"] = {"joint": results["methods"]["joint"]}
    results["verdict"]["best"] = "joint"
    for row in results["rare_classes"]:
        row["found"], row["confused_with"] = {"joint": 4}, {"joint": []}
    check(render_report(results, tmp_path))


def test_missing_images_are_left_out_and_the_table_stays(tmp_path, build_results):
    page = check(render_report(build_results(), tmp_path))
    assert page.tags.count("img") == 0
    assert "class 0 (20), class 1 (3)" in page.words


def test_rare_classes_are_capped(tmp_path, build_results):
    results = build_results(121, 5000, 1500)
    html = render_report(results, tmp_path)
    table = html[html.index('<p class="caption" id="table-rare"') :]
    assert table[: table.index("</table>")].count('<th scope="row"') == 12 < len(results["rare_classes"])


def test_same_input_gives_the_same_page(tmp_path, build_results, save_images):
    save_images(build_results(), tmp_path)
    assert render_report(build_results(), tmp_path) == render_report(build_results(), tmp_path)


@pytest.fixture(scope="module")
def species(build_results):
    """Results of as many classes as iNaturalist 2018 has."""
    return build_results(8142, 1000, 500, [f"Genus{c % 97:02d} of a long name {c:04d}" for c in range(8142)])


@pytest.fixture(scope="module")
def page_of_species(species, tmp_path_factory):
    """Their page, without images."""
    return render_report(species, tmp_path_factory.mktemp("none"))


def test_a_page_of_many_classes_is_a_megabyte_at_most(page_of_species):
    check(page_of_species)
    assert len(page_of_species.encode()) < 1_000_000
    for figure in ("by-class-points-joint", "by-class-points-tau", "norms-points-joint"):
        assert page_of_species.count(f'<use href="#{figure}-shape"') == DRAWN_CLASSES, figure


def test_of_many_classes_the_rarest_are_listed_folded_and_the_page_says_so(species, page_of_species):
    table = page_of_species[page_of_species.index('<p class="caption" id="table-classes"') :].split("</details>")[0]
    assert '<details class="card"><summary>The 1,000 rarest classes in numbers</summary>' in page_of_species
    names = re.findall(r"long name (\d+)</th>", table)
    counts = species["data"]["train_counts"]
    assert list(map(int, names)) == sorted(range(8142), key=lambda c: (counts[c], c))[:DRAWN_CLASSES]
    assert "results.json has the other 7,142." in table
    assert "of 8,142 classes 1,000, evenly chosen, are drawn as points" in page_of_species


def test_write_report_puts_one_file_beside_the_results(tmp_path, build_results):
    (tmp_path / "results.json").write_text(json.dumps(build_results()))
    page = write_report(tmp_path)
    assert page == tmp_path / "report.html"
    check(page.read_text(encoding="utf-8"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "results.json"]


def test_old_page_stays_when_the_new_one_cannot_be_made(tmp_path):
    (tmp_path / "report.html").write_text("old")
    (tmp_path / "results.json").write_text("{")
    with pytest.raises(InputError):
        write_report(tmp_path)
    assert (tmp_path / "report.html").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 2


def channels(color):
    return [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]


def luminance(channels):
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.fixture(params=[0, 1], ids=["light", "dark"])
def colors(request):
    """The colours of a theme, each as its three channels."""
    css = files("longtail.report").joinpath("templates/report.css").read_text(encoding="utf-8")
    blocks = re.findall(r":root \{([^}]*)\}", css)
    return {name: channels(value) for name, value in re.findall(r"--([\w-]+): (#[0-9a-f]{6})", blocks[request.param])}


def test_numbers_in_full_cells_are_readable(colors):
    for name in ("tau", "few"):  # right and wrong
        cell = [FULL * own + (1 - FULL) * card for own, card in zip(colors[name], colors["card"], strict=True)]
        assert contrast(colors["ink"], cell) >= 4.5, name


def test_colors_are_readable(colors):
    grounds = [colors[name] for name in ("page", "card", "mark")]
    written = set(colors) - {"page", "card", "paper", "line", "mark"}
    assert {"ink", "muted", "few", "joint", "tau"} <= written
    for name in written:
        for ground in grounds:
            # 4.5: level AA of WCAG 2.2 for text of normal size
            assert contrast(colors[name], ground) >= 4.5, (name, ground)


def test_the_page_begins_with_what_is_found_now_and_was_before(tmp_path, build_results):
    results = build_results(10)
    few = [c for c, group in enumerate(results["data"]["group_of_class"]) if group == "few"]
    for name, recall in (("joint", 25.0), ("tau", 75.0)):
        measured = results["methods"][name]["metrics"]["test"]
        measured["per_class_images"] = [40] * 10
        measured["per_class"] = [recall] * 10
    page = render_report(results, tmp_path)
    images = 40 * len(few)
    assert f"Of {images} test images of the rare classes, tau finds {3 * images // 4}." in page
    assert f"The plain classifier (joint) found {images // 4}." in page
    assert f"<span>{images // 4} of {images}</span>" in page
    assert page.index("The plain classifier") < page.index(results["verdict"]["sentence"])
