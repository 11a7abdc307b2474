"""Data sets as other programs lay them out: none is opened as what it is not, and each is told by its name."""

import json

import numpy as np
import pytest
from PIL import Image

from longtail.cli import main
from longtail.data import open_data
from longtail.errors import InputError

CLASSES = ("deer", "fox", "hare")
LAYOUTS = {}
READ_NOW = []


def layout(*told):
    """Name a function that lays a data set out below a folder and returns what a person would give the command.

    `told`: what the refusal has to say, regular expressions.
    """

    def named(make):
        LAYOUTS[make.__name__] = make, told
        return make

    return named


def read_now(make):
    """Name a function that lays out what is opened by a file in it, though its folders are no classes."""
    READ_NOW.append(make)
    return make


def picture(path, seed):
    """Write an image that no other is like."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(path)


def pictures(folder, names, start=0):
    for number, name in enumerate(names):
        picture(folder / name, start + number)


def table(path, columns, rows, delimiter=","):
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [columns, *rows]
    path.write_text("".join(delimiter.join(map(str, line)) + "\n" for line in lines), encoding="utf-8")


def write_json(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def kind(number):
    return CLASSES[number % len(CLASSES)]


def coco(names, **of_image):
    return {
        "info": {"version": "1"},
        "images": [{"id": f"i{k}", "file_name": name, **of_image} for k, name in enumerate(names)],
        "annotations": [
            {"id": k, "image_id": f"i{k}", "category_id": k % 3, "bbox": [0, 0, 4, 4]} for k in range(len(names))
        ],
        "categories": [{"id": number, "name": name} for number, name in enumerate(CLASSES)],
    }


@layout("images/, masks/ look like images and what was drawn", "layout='classes'")
def images_and_masks(root):
    for folder in ("images", "masks"):
        pictures(root / folder, [f"{k}.png" for k in range(6)], start=len(folder) * 10)
    return root


@layout("images/, labels/ look like images and what was drawn")
def images_and_label_files(root):
    pictures(root / "images", [f"{k}.png" for k in range(6)])
    for k in range(6):
        (root / "labels").mkdir(exist_ok=True)
        (root / "labels" / f"{k}.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    return root


@layout("JPEGImages/, SegmentationClass/, Annotations/ look like images", "annotations of Pascal VOC")
def pascal_voc(root):
    pictures(root / "JPEGImages", [f"{k}.jpg" for k in range(6)])
    pictures(root / "SegmentationClass", [f"{k}.png" for k in range(3)], start=50)
    for k in range(6):
        (root / "Annotations").mkdir(exist_ok=True)
        (root / "Annotations" / f"{k}.xml").write_text("<annotation><object><name>deer</name></object></annotation>")
    return root


@layout("train: the folders images/, labels/", "a data set of YOLO", "layout='splits'")
def yolo(root):
    for split in ("train", "val"):
        pictures(root / split / "images", [f"{k}.png" for k in range(6)], start=len(split) * 10)
        (root / split / "labels").mkdir(parents=True)
        (root / split / "labels" / "0.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    (root / "data.yaml").write_text("train: train/images\nnames:\n  0: deer\n")
    return root


@layout(r"annotations\.json: .*a\.jpg")
def coco_file(root):
    return write_json(root / "annotations.json", coco(["a.jpg"]))


@read_now
def parts_of_a_download(root):
    for part in (1, 2):
        names = [f"ISIC_{part}{k}.jpg" for k in range(6)]
        pictures(root / f"HAM10000_images_part_{part}", names, start=10 * part)
    rows = [(f"HAM_{k}", f"ISIC_{1 + k // 6}{k % 6}", kind(k)) for k in range(12)]
    table(root / "HAM10000_metadata.csv", ("lesion_id", "image_id", "dx"), rows)
    return root


@read_now
def isic(root):
    names = [f"ISIC_{k}" for k in range(6)]
    pictures(root / "ISIC_2019_Training_Input", [f"{name}.jpg" for name in names])
    rows = [(name, *(f"{float(k % 3 == c)}" for c in range(3))) for k, name in enumerate(names)]
    table(root / "ISIC_2019_Training_GroundTruth.csv", ("image", "MEL", "NV", "BCC"), rows)
    return root


@layout("loc0/, loc1/, loc2/ and 1 more look like one folder for each place", "a list file of them")
def folders_by_place(root):
    for place in range(4):
        pictures(root / "cct" / "images" / f"loc{place}", [f"{k}.jpg" for k in range(4)], start=10 * place)
    return root / "cct" / "images"


@layout("A01/, B07/ are no classes", "a file of COCO Camera Traps")
def coco_camera_traps(root):
    names = [f"{place}/{k}.jpg" for place in ("A01", "B07") for k in range(4)]
    pictures(root / "cct" / "images", names)
    write_json(root / "cct" / "annotations.json", coco(names, location="A01", seq_id="s1", frame_num=0))
    return root / "cct" / "images"


@read_now
def ecotaxa_backup(root):
    for sample in ("tow_a_net", "tow_b_net"):
        names = [f"{sample}_{k}.png" for k in range(6)]
        pictures(root / sample, names, start=len(names) + 10 * ord(sample[4]))
        columns = ("object_id", "object_annotation_category", "object_annotation_status", "img_file_name", "img_rank")
        rows = [(f"o{k}", kind(k), "validated", name, 0) for k, name in enumerate(names)]
        table(root / sample / f"ecotaxa_{sample}.tsv", columns, [("[t]", "[t]", "[t]", "[t]", "[f]"), *rows], "\t")
    return root


@read_now
def ecotaxa_folder_above(root):
    for k in range(6):
        picture(root / "images" / f"{kind(k)}__{k % 3}" / f"{k}_0.png", k)
    rows = [(f"o{k}", kind(k), f"images/{kind(k)}__{k % 3}/{k}_0.png") for k in range(6)]
    table(root / "ecotaxa_export.tsv", ("object_id", "object_annotation_category", "img_file_name"), rows, "\t")
    return root


@layout("a package of Camtrap DP")
def camtrap_dp(root):
    pictures(root / "media", [f"m{k}.jpg" for k in range(4)])
    write_json(root / "datapackage.json", {"profile": "https://x/camtrap-dp/1.0/profile.json", "resources": []})
    table(
        root / "media.csv",
        ("mediaID", "deploymentID", "filePath"),
        [(f"m{k}", "d1", f"media/m{k}.jpg") for k in range(4)],
    )
    return root


@layout("has no column order, family.*a download of Wildlife Insights")
def wildlife_insights(root):
    pictures(root / "images", [f"{k}.jpg" for k in range(4)])
    columns = ("project_id", "deployment_id", "image_id", "filename", "location", "is_blank", "wi_taxon_id", "class")
    rows = [(1, "d", k, f"{k}.jpg", "gs://x", 0, "f1", "Mammalia") for k in range(4)]
    table(root / "images_2001.csv", columns, rows)
    return root / "images_2001.csv"


@layout(r"holds images\.csv\. Expected one table of images .* and one of species")
def serengeti(root):
    pictures(root / "S1", [f"B04/{k}.jpg" for k in range(4)])
    rows = [(k, f"SER_S1#{k}", 1, f"S1/B04/{k}.jpg") for k in range(4)]
    table(root / "images.csv", ("", "capture_id", "image_rank_in_capture", "image_path_rel"), rows)
    return root


@layout(r"results\.json: .*a\.jpg")
def megadetector(root):
    box = {"category": "1", "conf": 0.9, "bbox": [0, 0, 1, 1], "classifications": [["3", 0.9]]}
    content = {"images": [{"file": "a.jpg", "detections": [box]}], "detection_categories": {"1": "animal"}}
    return write_json(root / "results.json", {**content, "info": {"format_version": "1.6"}})


@layout(r"predictions\.json: .*a\.jpg")
def speciesnet(root):
    row = {"filepath": "a.jpg", "classifications": {"classes": ["x"], "scores": [1]}, "prediction": "guid;;;;;;blank"}
    return write_json(root / "predictions.json", {"predictions": [row]})


@layout("1 of 1 listed .* images are not in .* Say which folder")
def label_studio(root):
    result = [{"type": "choices", "value": {"choices": ["deer"]}}]
    task = {
        "id": 1,
        "data": {"image": "/data/upload/1/12345678-a.jpg"},
        "annotations": [{"result": result, "was_cancelled": False}],
    }
    return write_json(root / "project.json", [task])


@layout("1 of 1 listed .* images are not in .* Say which folder")
def label_studio_table(root):
    table(
        root / "project.csv",
        ("annotation_id", "annotator", "choice", "image", "lead_time"),
        [(1, 1, "deer", "/a.jpg", 3.0)],
    )
    return root / "project.csv"


@read_now
def roboflow(root):
    for start, split in enumerate(("train", "valid", "test")):
        names = [f"a{k}_jpg.rf.{k:032x}.jpg" for k in range(4)]
        pictures(root / split, names, start=10 * start)
        table(
            root / split / "_classes.csv",
            ("filename", " deer", " fox"),
            [(name, k % 2, 1 - k % 2) for k, name in enumerate(names)],
        )
    return root


@layout("meta.xml: no extension of it is of multimedia")
def darwin_core_archive(root):
    pictures(root / "media", [f"{k}.jpg" for k in range(4)])
    (root / "meta.xml").write_text('<archive xmlns="http://rs.tdwg.org/dwc/text/"><core/></archive>')
    table(root / "occurrence.txt", ("gbifID", "scientificName"), [(1, "Vulpes vulpes")], "\t")
    return root


@read_now
def manifest(root):
    pictures(root, [f"{k}.jpg" for k in range(4)])
    table(root / "data.csv", ("path", "label"), [(f"{k}.jpg", kind(k)) for k in range(4)])
    return root / "data.csv"


@layout("fold0/, fold1/, fold2/ look like the folds of a cross-validation")
def folds(root):
    for fold in range(3):
        for k in range(3):
            picture(root / f"fold{fold}" / kind(k) / f"{k}.png", 10 * fold + k)
    return root


@layout("folders above the classes: deer, fox, hare lie in several of them")
def class_folders_below_years(root):
    for year in ("winter", "summer"):
        for k in range(6):
            picture(root / year / kind(k) / f"{k}.png", k + 10 * len(year) + (year == "winter") * 30)
    return root


@layout("classes with splits inside them: test, train", "train/ant, test/ant")
def splits_below_classes(root):
    for k in range(12):
        picture(root / kind(k) / ("train" if k < 9 else "test") / f"{k}.png", k)
    return root


@layout("photos holds deer, fox, hare: give that folder instead")
def one_folder_too_high(root):
    for k in range(6):
        picture(root / "photos" / kind(k) / f"{k}.png", k)
    return root


@layout(r"lynx: .*1 \.dng \(the raw file of a camera\), 2 \.heic \(HEIC\)", "Convert them")
def photographs_of_other_formats(root):
    for k in range(6):
        picture(root / kind(k) / f"{k}.png", k)
    for suffix in ("heic", "heic", "dng"):
        path = root / "lynx" / f"{suffix}{len(list(root.rglob('*.*')))}.{suffix}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    return root


@layout("splits of one data set", "Call them train/, val/ and test/")
def splits_by_other_names(root):
    for start, split in enumerate(("train_mini", "val_mini")):
        for k in range(6):
            picture(root / split / kind(k) / f"{k}.png", 100 * start + k)
    return root


@layout("the parts of one download")
def shards(root):
    for shard in ("shard-00", "shard-01"):
        pictures(root / shard, [f"{k}.png" for k in range(4)], start=10 * int(shard[-1]))
    return root


@layout("one folder for each patient")
def folders_by_patient(root):
    for patient in ("Patient 1", "Patient 2"):
        pictures(root / patient, [f"{k}.png" for k in range(4)], start=10 * int(patient[-1]))
    return root


@layout("train: the folders cam_1/, cam_2/ look like one folder for each camera", "layout='splits'")
def cameras_in_splits(root):
    for start, split in enumerate(("train", "test")):
        for camera in (1, 2):
            pictures(root / split / f"cam_{camera}", [f"{k}.png" for k in range(4)], start=100 * start + 10 * camera)
    return root


@layout("cannot be read as Parquet")
def hugging_face_parquet(root):
    pictures(root / "images", [f"{k}.png" for k in range(4)])
    (root / "train-00000-of-00001.parquet").write_bytes(b"PAR1" + bytes(50) + b'{"huggingface": "{}"}' + b"PAR1")
    return root


@layout("meta.xml: no extension of it is of multimedia")
def darwin_core_table(root):
    return darwin_core_archive(root) / "occurrence.txt"


@layout("one folder for each place")
def places_in_one_word(root):
    for number, name in enumerate(("StationA", "StationB", "unknown")):
        pictures(root / name, [f"{k}.png" for k in range(4)], start=10 * number)
    return root


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.zip", b"PK\x03\x04" + bytes(40), r"an archive \(zip\), to be unpacked first"),
        ("a.tar.gz", b"\x1f\x8b" + bytes(40), "compressed by gzip"),
        ("a.tfrecord", bytes(40), "a TFRecord file"),
        ("a.arrow", b"ARROW1" + bytes(40), "an Arrow file"),
        ("a.mat", b"MATLAB 5.0 MAT-file" + bytes(40), "a file of MATLAB"),
        ("a.npy", b"\x93NUMPY" + bytes(40), r"an array of NumPy \(features go to `longtail fit`\)"),
        ("a.parquet", b"PAR1" + bytes(40), "cannot be read as Parquet"),
        ("a.json", b'{"_via_img_metadata": {}}', "an export of VIA"),
        ("a.json", b'{"version": "5.1", "shapes": [], "imagePath": "a.jpg"}', "annotations of labelme"),
        ("a.xml", b"<annotations><image id='0'/></annotations>", "neither tags nor boxes"),
        ("a.csv", b"classification_id,user_name,subject_data\n1,a,{}\n", "an export of Zooniverse"),
        ("a.csv", "File;RelativePath;Species\nIMG_1.JPG;cam1;deer\n".encode("utf-16"), "a table of Timelapse"),
        ("a.csv", b"f0,f1\n0.5,0.25\n", "which column names the images cannot be told.*Features go to `longtail fit`"),
        ("a.xyz", b"\xff\xfe\x00", "nothing that is known"),
        ("a.h5", b"no hdf5", "no HDF5 file that can be read"),
    ],
)
def test_files_are_told_by_their_content(tmp_path, name, content, told):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=told):
        open_data(str(tmp_path / name))


@pytest.mark.parametrize("name", LAYOUTS)
def test_none_is_opened_as_what_it_is_not(name, tmp_path):
    make, told = LAYOUTS[name]
    (tmp_path / "data").mkdir()
    path = make(tmp_path / "data")
    for words in told:
        with pytest.raises(InputError, match=words):
            open_data(str(path))


@pytest.mark.parametrize("make", READ_NOW, ids=lambda make: make.__name__)
def test_what_a_file_says_of_folders_that_are_no_classes_is_read(make, tmp_path):
    (tmp_path / "data").mkdir()
    splits = open_data(str(make(tmp_path / "data")))
    assert set(splits.class_names) <= {"deer", "fox", "hare", "MEL", "NV", "BCC"}
    assert len(splits.class_names) > 1


@pytest.mark.parametrize("name", ["images_and_masks", "folders_by_place", "coco_camera_traps", "shards", "folds"])
def test_every_folder_is_a_class_where_a_person_says_so(name, tmp_path):
    (tmp_path / "data").mkdir()
    path = LAYOUTS[name][0](tmp_path / "data")
    names = sorted(folder.name for folder in path.iterdir() if folder.is_dir())
    assert open_data(str(path), layout="classes").class_names == tuple(names)


def test_splits_are_splits_where_a_person_says_so(tmp_path):
    splits = open_data(str(cameras_in_splits(tmp_path)), layout="splits")
    assert splits.class_names == ("cam_1", "cam_2")
    assert len(splits.test) == 8


def test_the_command_asks_in_its_own_words(tmp_path, capsys):
    (tmp_path / "data").mkdir()
    assert main(["describe", str(images_and_masks(tmp_path / "data")), "--out", str(tmp_path / "d")]) == 2
    assert "say --layout classes" in capsys.readouterr().err
    words = ["describe", str(tmp_path / "data"), "--layout", "classes", "--out", str(tmp_path / "d"), "--quiet"]
    assert main(words) == 0


def opened(root, classes=CLASSES, number=4, start=0):
    """Write a folder for each class."""
    for place, name in enumerate(classes):
        pictures(root / name, [f"{k}.png" for k in range(number)], start=start + 100 * place)
    return root


@pytest.mark.parametrize(
    "classes",
    [
        ("c0", "c1"),
        ("fish_01", "fish_02"),
        tuple("0123456789"),
        ("class_1", "class_3"),
        ("n01440764", "n01443537"),
        ("001.Black_footed_Albatross", "002.Laysan_Albatross"),
        ("00000_Animalia_Annelida", "00001_Animalia_Arthropoda"),
        ("bus", "ship", "train"),
        ("with_mask", "without_mask"),
        ("day_lily", "night_heron"),
        ("AK", "BCC", "MEL"),
        ("person_01", "person_02"),
        ("camel", "casettes"),
        ("invalid", "valid"),
    ],
)
def test_ordinary_class_folders_open_without_a_question(tmp_path, classes):
    splits = open_data(str(opened(tmp_path / "data", classes)))
    assert splits.class_names == classes
    assert all("split off" in note for note in splits.notes)


def test_what_nobody_has_labelled_is_left_out_and_told(tmp_path):
    root = opened(tmp_path / "data", ("deer", "fox", "no_label", "Un-labelled"))
    splits = open_data(str(root))
    assert splits.class_names == ("deer", "fox")
    assert f"{root / 'no_label'}: 4 images without a class, left out" in splits.notes
    assert len(open_data(str(root), layout="classes").class_names) == 4


def test_nothing_but_what_nobody_has_labelled(tmp_path):
    root = opened(tmp_path / "data", ("unlabelled",))
    (root / "deer").mkdir()
    with pytest.raises(InputError, match="unlabelled alone holds images, and its name says that they have no class"):
        open_data(str(root))


@pytest.mark.parametrize("wrong", [False, True])
def test_labels_in_a_file_beside_class_folders_are_mentioned_or_contradict_them(tmp_path, wrong):
    root = opened(tmp_path / "data", ("deer", "fox"))
    rows = [(f"{name}/{k}.png", kind(k) if wrong else name) for name in ("deer", "fox") for k in range(4)]
    table(root / "metadata.csv", ("file_name", "label"), rows)
    if wrong:
        splits = open_data(str(root), test_fraction=0, val_fraction=0)
        assert set(splits.class_names) == {kind(k) for k in range(4)}  # as `datasets` reads it
        assert any("read as an imagefolder" in note for note in splits.notes)
    else:
        assert any("metadata.csv" in note and "not read" in note for note in open_data(str(root)).notes)


def test_class_folders_of_inaturalist_with_their_annotations_open(tmp_path):
    root = tmp_path / "data"
    for start, split in enumerate(("train", "val")):
        opened(root / split, ("00000_Animalia", "00001_Plantae"), start=1000 * start)
        names = [f"{split}/{name}/{k}.png" for name in ("00000_Animalia", "00001_Plantae") for k in range(4)]
        content = coco(names)
        for number, annotation in enumerate(content["annotations"]):
            annotation["category_id"] = number // 4
        write_json(root / f"{split}.json", content)
    splits = open_data(str(root))
    assert splits.class_names == ("00000_Animalia", "00001_Plantae")
    assert any("train.json (a COCO file), " in note for note in splits.notes)


def test_an_export_of_ecotaxa_with_a_folder_for_each_class_opens(tmp_path):
    assert open_data(str(ecotaxa_folder_above(tmp_path) / "images")).class_names == ("deer__0", "fox__1", "hare__2")
