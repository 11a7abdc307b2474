"""Sisters of the layouts of other programs: the same under other names, in other places and other files."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from longtail.data import open_data
from longtail.errors import InputError

KINDS = ("deer", "fox", "hare")
PLACES = ("Alpha", "Beta")  # of whose names nothing can be told


def pictures(folder, names, seed=0):
    """Write small images, no two alike."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng([seed, *folder.as_posix().encode()])
    for name in names:
        Image.fromarray(generator.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(folder / name)


def folders(root, names, number=4, suffix=".png"):
    for name in names:
        pictures(root / name, [f"{k}{suffix}" for k in range(number)])
    return root


def refused(root, told, **options):
    with pytest.raises(InputError, match=told) as caught:
        open_data(str(root), **options)
    return str(caught.value)


@pytest.mark.parametrize(
    ("names", "told"),
    [
        *((names, "drawn or written") for names in (("imgs", "labels_png"), ("leftImg8bit", "gtFine"))),
        *((names, "drawn or written") for names in (("input", "target"), ("Training_Data", "Training_GroundTruth"))),
        *(
            (names, "drawn or written")
            for names in (("frames", "flow"), ("Photos", "Outlines"), ("original", "labelled"))
        ),
        *((names, "versions of the same") for names in (("Images_raw", "Images_processed"), ("visible", "infrared"))),
        *((names, "versions of the same") for names in (("images", "crops"), ("256x256", "512x512"), ("rgb", "hsv"))),
        *(
            (names, "splits of one data set")
            for names in (("train2017", "valid2017"), ("trainA", "trainB"), ("tr", "te"))
        ),
        *((names, "splits of one data set") for names in (("cis_test", "trans_test"), ("query", "gallery"))),
        (("ISIC_2019_Training_Input", "ISIC_2019_Test_Input"), "splits of one data set"),
        (("phase1_train", "phase1_val"), "splits of one data set"),
        *(
            (names, "each camera")
            for names in (("Kamera 1", "Kamera 2"), ("scanner1", "scanner2"), ("IFCB101", "IFCB102"))
        ),
        *((names, "each place") for names in (("lake_1", "lake_2"), ("Hospital_A", "Hospital_B"), ("north", "south"))),
        *((names, "each sample") for names in (("cage_1", "cage_2"), ("rep1", "rep2"), ("trawl-04", "trawl-05"))),
        *(
            (names, "each sequence")
            for names in (("mission1", "mission2"), ("exp_01", "exp_02"), ("flight 3", "flight 4"))
        ),
        *((names, "each patient") for names in (("user_1", "user_2"), ("annotator1", "annotator2"))),
        *(
            (names, "each month or season")
            for names in (("May", "June"), ("2021_spring", "2021_autumn"), ("Jan 21", "Feb 21"))
        ),
        *((names, "each day") for names in (("03.05.2021", "04.05.2021"), ("D20160101T000001", "D20160102T000001_x"))),
        *(
            (names, "each recording")
            for names in (("MVI_0012", "MVI_0013"), ("GX010012", "GX010013"), ("DSC0001", "DSC0002"))
        ),
        (("A01", "B07", "C12"), "each cell of a grid"),
    ],
    ids=str,
)
def test_names_that_no_classes_have_are_asked_about(tmp_path, names, told):
    root = folders(tmp_path / "data", names)
    assert "say `layout='classes'`" in refused(root, told)
    assert open_data(str(root), layout="classes").class_names == tuple(sorted(names))


@pytest.mark.parametrize(
    "names",
    [
        ("left", "right"),
        ("small", "large"),
        ("young", "old"),
        ("A01", "A02"),
        ("T1", "T2"),
        ("animal_1", "animal_2"),
        ("forest", "lake", "river"),
        ("day", "night"),
        ("0001", "0002"),
        ("good", "bad"),
        ("benign", "malignant", "normal"),
        ("spring", "summer", "autumn"),
        ("fern", "train"),
        ("2012 Acura RL", "2012 Audi A5"),
        ("blank", "empty", "other"),
    ],
    ids=str,
)
def test_names_that_classes_have_are_no_question(tmp_path, names):
    splits = open_data(str(folders(tmp_path / "data", names)))
    assert splits.class_names == tuple(sorted(names))
    assert all("split off" in note for note in splits.notes)


@pytest.mark.parametrize(
    "name", ["no tag", "NoCategory", "without_label", "to_check", "nan", "New folder", "not_annotated"]
)
def test_what_has_no_class_is_left_out(tmp_path, name):
    splits = open_data(str(folders(tmp_path / "data", ("deer", "fox", name))))
    assert splits.class_names == ("deer", "fox")
    assert any(f"{name}: 4 images without a class, left out" in note for note in splits.notes)


@pytest.mark.parametrize("name", ["unknown", "Unidentified", "_none", "multi_label", "rejected", "duplicates", "tmp"])
def test_what_is_of_no_single_class_is_told(tmp_path, name):
    splits = open_data(str(folders(tmp_path / "data", ("deer", "fox", name))))
    assert name in splits.class_names
    assert any(f"{name} learnt as a class like any other" in note for note in splits.notes)


@pytest.mark.parametrize("name", ["__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found"])
def test_folders_of_systems_are_no_classes(tmp_path, name):
    assert open_data(str(folders(tmp_path / "data", ("deer", "fox", name)))).class_names == ("deer", "fox")


STEMS = [f"ISIC_{number:07d}" for number in np.random.default_rng(0).integers(0, 10**6, 12)]


@pytest.mark.parametrize("ending", ["", "_segmentation", "-mask", ".label", "_mask_1"])
def test_two_folders_of_the_same_images(tmp_path, ending):
    pictures(tmp_path / "data" / "Alpha", [f"{stem}.jpg" for stem in STEMS])
    pictures(tmp_path / "data" / "Beta", [f"{stem}{ending}.png" for stem in STEMS[1:]])
    refused(tmp_path / "data", "the same images twice")
    assert open_data(str(tmp_path / "data"), layout="classes").class_names == PLACES


def test_other_images_under_such_names_are_classes(tmp_path):
    for start, name in enumerate(PLACES):
        pictures(tmp_path / "data" / name, [f"{stem}_{start}.jpg" for stem in STEMS])
    assert open_data(str(tmp_path / "data")).class_names == PLACES


def test_running_numbers_and_a_few_names_beside_them_are_classes(tmp_path):
    names = [*(f"im{k:03d}.png" for k in range(20)), "added.png", "copy of im003.png", "last.png"]
    for place, kind in enumerate(KINDS):
        pictures(tmp_path / "data" / kind, names[: 23 - place])
    assert open_data(str(tmp_path / "data")).class_names == KINDS


@pytest.mark.parametrize("names", ["{} ({}).png|{} ({})_mask.png", "{}{}.png|{}{}_gt.png", "{}-{}.png|{}-{}-thumb.png"])
def test_masks_between_the_images_of_a_class(tmp_path, names):
    for kind in KINDS:
        pictures(tmp_path / "data" / kind, [name.format(kind, k) for name in names.split("|") for k in range(6)])
    refused(tmp_path / "data", r"drawn over them in between: deer/ holds .* Take those files \(18 of them\) away")


@pytest.mark.parametrize(("below", "told"), [(("images", "masks"), "drawn"), (("original", "augmented"), "versions")])
def test_pairs_of_folders_inside_each_class(tmp_path, below, told):
    for kind in KINDS:
        folders(tmp_path / "data" / kind, below)
    refused(tmp_path / "data", f"classes with .*{told}.*Leave one of these folders")


def table(path, rows, comma=","):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(comma.join(map(str, row)) + "\n" for row in rows), encoding="utf-8")


def write_json(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


# of each image: its folder, its name, and its class by a file
BY_PLACE = [(place, f"{place}{k}", KINDS[k % 3]) for place in PLACES for k in range(6)]
BY_KIND = [(kind, f"{kind}{k}", kind) for kind in KINDS for k in range(6)]
IMAGES = [f"{stem}.jpg" for _, stem, _ in BY_PLACE]


def coco(images):
    return {
        "images": [{"id": k, "file_name": f"{stem}.jpg"} for k, (_, stem, _) in enumerate(images)],
        "annotations": [{"image_id": k, "category_id": KINDS.index(kind)} for k, (_, _, kind) in enumerate(images)],
        "categories": [{"id": k, "name": kind} for k, kind in enumerate(KINDS)],
    }


def hot(kind, number=int):
    return [number(kind == one) for one in KINDS]


SAID = {
    "train_labels.csv": lambda path, images: table(path, [("id", "breed"), *((s, kind) for _, s, kind in images)]),
    "gt.csv": lambda path, images: table(path, [("Photo", "Art"), *((f"{s}.jpg", kind) for _, s, kind in images)]),
    "l.tsv": lambda path, images: table(path, [("file", "class"), *((f"x/{s}.jpg", k) for _, s, k in images)], "\t"),
    "semicolons.csv": lambda path, images: table(path, [("Bild", "Taxon"), *((s, k) for _, s, k in images)], ";"),
    "windows.csv": lambda path, images: table(
        path, [("image", "label"), *((f"D:\\x\\{s}.jpg", k) for _, s, k in images)]
    ),
    "_classes.csv": lambda path, images: table(
        path, [("filename", *(f" {kind}" for kind in KINDS)), *((f"{s}.jpg", *hot(kind)) for _, s, kind in images)]
    ),
    "onehot.csv": lambda path, images: table(
        path, [("image", *KINDS), *((s, *hot(kind, float)) for _, s, kind in images)]
    ),
    "Timelapse.csv": lambda path, images: table(
        path, [("File", "RelativePath", "Species"), *((f"{s}.jpg", place, kind) for place, s, kind in images)]
    ),
    "train.txt": lambda path, images: table(path, [(f"{p}/{s}.jpg", KINDS.index(kind)) for p, s, kind in images], " "),
    "annotations/coco.json": lambda path, images: write_json(path, coco(images)),
}
OPENED = {"_classes.csv", "onehot.csv", "annotations/coco.json"}  # these formats say of a folder what it is
# what names these images, and whose labels are not read
UNCLEAR = {
    "an export of Wildlife Insights": lambda path: table(
        path / "images_1.csv",
        [("wi_taxon_id", "filename", "is_blank"), *(("f", f"{stem}.jpg", 0) for _, stem, _ in BY_PLACE)],
    ),
    "a table of Camtrap DP": lambda path: table(
        path / "media.csv",
        [("mediaID", "deploymentID", "filePath"), *((s, p, f"media/{s}.jpg") for p, s, _ in BY_PLACE)],
    ),
    "a table of Snapshot Serengeti": lambda path: table(
        path / "images.csv", [("capture_id", "image_path_rel"), *((f"c{s}", f"S1/{p}/{s}.jpg") for p, s, _ in BY_PLACE)]
    ),
    "a table of a Darwin Core Archive": lambda path: table(
        path / "multimedia.txt",
        [("gbifID", "identifier"), *((k, f"https://x/{name}") for k, name in enumerate(IMAGES))],
        "\t",
    ),
    "an export of Label Studio": lambda path: write_json(
        path / "project.json",
        [{"data": {"image": f"/data/upload/1/{s}.jpg"}, "was_cancelled": False} for _, s, _ in BY_PLACE],
    ),
    "an export of Datumaro or CVAT": lambda path: write_json(
        path / "annotations" / "default.json", {"categories": {}, "items": [{"id": stem} for _, stem, _ in BY_PLACE]}
    ),
}


@pytest.fixture
def by_place(tmp_path):
    """Return a data set of which only a file of labels says that its folders are no classes."""
    root = tmp_path / "set" / "photos"
    for place in PLACES:
        pictures(root / place, [f"{place}{k}.jpg" for k in range(6)])
    return root


@pytest.mark.parametrize(("name", "above"), [(name, above) for name in SAID for above in (False, True)])
def test_whatever_file_says_that_folders_are_no_classes_is_heard(by_place, name, above):
    path = (by_place.parent if above else by_place) / name
    path.parent.mkdir(exist_ok=True)
    SAID[name](path, BY_PLACE)
    if name in OPENED and not above:
        assert open_data(str(by_place)).class_names == KINDS
        return
    told = refused(by_place, r"the folders Alpha/, Beta/ are no classes: .* Alpha/ holds ")
    assert re.search(re.escape(path.name), told)
    assert open_data(str(by_place), layout="classes").class_names == PLACES


@pytest.mark.parametrize("name", UNCLEAR)
def test_a_file_that_cannot_be_compared_with_the_folders_is_a_question(by_place, name):
    UNCLEAR[name](by_place.parent)
    refused(by_place, rf"are the folders Alpha/, Beta/ the classes\? .*: {name}(, and not read as data)?\. ")
    assert open_data(str(by_place), layout="classes").class_names == PLACES


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("labels.json", json.dumps(dict.fromkeys(IMAGES, "deer")).encode()),
        ("dataset.json", json.dumps({"labels": [[name, 0] for name in IMAGES]}).encode()),
        ("md.json", json.dumps({"images": [{"file": name} for name in IMAGES], "detection_categories": {}}).encode()),
        ("labels.xlsx", b"PK\x03\x04" + bytes(40)),
        ("labels.ddb", b"SQLite format 3\0" + bytes(80)),
        ("labels.mat", b"MATLAB 5.0 MAT-file" + bytes(100)),
    ],
)
def test_files_of_labels_that_are_not_read_are_named(by_place, name, content):
    (by_place / name).write_bytes(content)
    assert any(
        f"{name} (" in note and "not read, the folders are the classes" in note
        for note in open_data(str(by_place)).notes
    )


@pytest.mark.parametrize("name", SAID)
def test_files_that_say_the_same_as_the_folders_open(tmp_path, name):
    for kind in KINDS:
        pictures(tmp_path / "data" / kind, [f"{kind}{k}.jpg" for k in range(6)])
    path = tmp_path / "data" / name
    path.parent.mkdir(exist_ok=True)
    SAID[name](path, BY_KIND)
    splits = open_data(str(tmp_path / "data"))
    assert splits.class_names == KINDS
    assert any(path.name in note and "not read, the folders are the classes" in note for note in splits.notes)


def test_files_of_other_images_beside_a_folder_say_nothing(by_place):
    table(by_place.parent / "other.csv", [("image", "label"), *((f"z{k}.jpg", KINDS[k % 3]) for k in range(9))])
    splits = open_data(str(by_place))
    assert splits.class_names == PLACES
    assert all("split off" in note for note in splits.notes)
