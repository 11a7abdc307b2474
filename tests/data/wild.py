"""Small data sets laid out as other programs lay them out: of each format its folders, files and headings."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("deer", "fox", "hare")
LAYOUTS: dict[str, Callable[[Path], Path]] = {}


def layout(make):
    """Name a function that lays a data set out below a folder, and returns what a person would give the command."""
    LAYOUTS[make.__name__] = make
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


@layout
def images_and_masks(root):
    for folder in ("images", "masks"):
        pictures(root / folder, [f"{k}.png" for k in range(6)], start=len(folder) * 10)
    return root


@layout
def images_and_label_files(root):
    pictures(root / "images", [f"{k}.png" for k in range(6)])
    for k in range(6):
        (root / "labels").mkdir(exist_ok=True)
        (root / "labels" / f"{k}.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    return root


@layout
def pascal_voc(root):
    pictures(root / "JPEGImages", [f"{k}.jpg" for k in range(6)])
    pictures(root / "SegmentationClass", [f"{k}.png" for k in range(3)], start=50)
    for k in range(6):
        (root / "Annotations").mkdir(exist_ok=True)
        (root / "Annotations" / f"{k}.xml").write_text("<annotation><object><name>deer</name></object></annotation>")
    return root


@layout
def yolo(root):
    for split in ("train", "val"):
        pictures(root / split / "images", [f"{k}.png" for k in range(6)], start=len(split) * 10)
        (root / split / "labels").mkdir(parents=True)
        (root / split / "labels" / "0.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    (root / "data.yaml").write_text("train: train/images\nnames:\n  0: deer\n")
    return root


@layout
def coco_folders(root):
    names = {split: [f"{split}_{k}.png" for k in range(6)] for split in ("train2017", "val2017")}
    for start, (split, own) in enumerate(names.items()):
        pictures(root / split, own, start=10 * start)
        write_json(root / "annotations" / f"instances_{split}.json", coco(own))
    return root


@layout
def coco_file(root):
    return write_json(root / "annotations.json", coco(["a.jpg"]))


@layout
def parts_of_a_download(root):
    for part in (1, 2):
        names = [f"ISIC_{part}{k}.jpg" for k in range(6)]
        pictures(root / f"HAM10000_images_part_{part}", names, start=10 * part)
    rows = [(f"HAM_{k}", f"ISIC_{1 + k // 6}{k % 6}", kind(k)) for k in range(12)]
    table(root / "HAM10000_metadata.csv", ("lesion_id", "image_id", "dx"), rows)
    return root


@layout
def isic(root):
    names = [f"ISIC_{k}" for k in range(6)]
    pictures(root / "ISIC_2019_Training_Input", [f"{name}.jpg" for name in names])
    rows = [(name, *(f"{float(k % 3 == c)}" for c in range(3))) for k, name in enumerate(names)]
    table(root / "ISIC_2019_Training_GroundTruth.csv", ("image", "MEL", "NV", "BCC"), rows)
    return root


@layout
def folders_by_place(root):
    for place in range(4):
        pictures(root / "cct" / "images" / f"loc{place}", [f"{k}.jpg" for k in range(4)], start=10 * place)
    return root / "cct" / "images"


@layout
def coco_camera_traps(root):
    names = [f"{place}/{k}.jpg" for place in ("A01", "B07") for k in range(4)]
    pictures(root / "cct" / "images", names)
    write_json(root / "cct" / "annotations.json", coco(names, location="A01", seq_id="s1", frame_num=0))
    return root / "cct" / "images"


@layout
def ecotaxa_backup(root):
    for sample in ("tow_a_net", "tow_b_net"):
        names = [f"{sample}_{k}.png" for k in range(6)]
        pictures(root / sample, names, start=len(names) + 10 * ord(sample[4]))
        columns = ("object_id", "object_annotation_category", "object_annotation_status", "img_file_name", "img_rank")
        rows = [(f"o{k}", kind(k), "validated", name, 0) for k, name in enumerate(names)]
        table(root / sample / f"ecotaxa_{sample}.tsv", columns, [("[t]", "[t]", "[t]", "[t]", "[f]"), *rows], "\t")
    return root


@layout
def ecotaxa_folder_above(root):
    for k in range(6):
        picture(root / "images" / f"{kind(k)}__{k % 3}" / f"{k}_0.png", k)
    rows = [(f"o{k}", kind(k), f"images/{kind(k)}__{k % 3}/{k}_0.png") for k in range(6)]
    table(root / "ecotaxa_export.tsv", ("object_id", "object_annotation_category", "img_file_name"), rows, "\t")
    return root


@layout
def camtrap_dp(root):
    pictures(root / "media", [f"m{k}.jpg" for k in range(4)])
    write_json(root / "datapackage.json", {"profile": "https://x/camtrap-dp/1.0/profile.json", "resources": []})
    table(root / "media.csv", ("mediaID", "deploymentID", "filePath"), [(f"m{k}", "d1", f"media/m{k}.jpg") for k in range(4)])
    return root


@layout
def wildlife_insights(root):
    pictures(root / "images", [f"{k}.jpg" for k in range(4)])
    columns = ("project_id", "deployment_id", "image_id", "filename", "location", "is_blank", "wi_taxon_id", "class")
    rows = [(1, "d", k, f"{k}.jpg", "gs://x", 0, "f1", "Mammalia") for k in range(4)]
    table(root / "images_2001.csv", columns, rows)
    return root / "images_2001.csv"


@layout
def serengeti(root):
    pictures(root / "S1", [f"B04/{k}.jpg" for k in range(4)])
    rows = [(k, f"SER_S1#{k}", 1, f"S1/B04/{k}.jpg") for k in range(4)]
    table(root / "images.csv", ("", "capture_id", "image_rank_in_capture", "image_path_rel"), rows)
    return root


@layout
def megadetector(root):
    box = {"category": "1", "conf": 0.9, "bbox": [0, 0, 1, 1], "classifications": [["3", 0.9]]}
    content = {"images": [{"file": "a.jpg", "detections": [box]}], "detection_categories": {"1": "animal"}}
    return write_json(root / "results.json", {**content, "info": {"format_version": "1.6"}})


@layout
def speciesnet(root):
    row = {"filepath": "a.jpg", "classifications": {"classes": ["x"], "scores": [1]}, "prediction": "guid;;;;;;blank"}
    return write_json(root / "predictions.json", {"predictions": [row]})


@layout
def label_studio(root):
    result = [{"type": "choices", "value": {"choices": ["deer"]}}]
    task = {"id": 1, "data": {"image": "/data/upload/1/12345678-a.jpg"}, "annotations": [{"result": result, "was_cancelled": False}]}
    return write_json(root / "project.json", [task])


@layout
def label_studio_table(root):
    table(root / "project.csv", ("annotation_id", "annotator", "choice", "image", "lead_time"), [(1, 1, "deer", "/a.jpg", 3.0)])
    return root / "project.csv"


@layout
def roboflow(root):
    for start, split in enumerate(("train", "valid", "test")):
        names = [f"a{k}_jpg.rf.{k:032x}.jpg" for k in range(4)]
        pictures(root / split, names, start=10 * start)
        table(root / split / "_classes.csv", ("filename", " deer", " fox"), [(name, k % 2, 1 - k % 2) for k, name in enumerate(names)])
    return root


@layout
def hugging_face_flat(root):
    for start, split in enumerate(("train", "test")):
        names = [f"{k}.png" for k in range(4)]
        pictures(root / split, names, start=10 * start)
        table(root / split / "metadata.csv", ("file_name", "label"), [(name, kind(k)) for k, name in enumerate(names)])
    return root


@layout
def web_dataset(root):
    import io
    import tarfile

    path = root / "shard-000000.tar"
    with tarfile.open(path, "w") as archive:
        for name, content in (("0.jpg", b"x"), ("0.cls", b"0")):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


@layout
def darwin_core_archive(root):
    pictures(root / "media", [f"{k}.jpg" for k in range(4)])
    (root / "meta.xml").write_text('<archive xmlns="http://rs.tdwg.org/dwc/text/"><core/></archive>')
    table(root / "occurrence.txt", ("gbifID", "scientificName"), [(1, "Vulpes vulpes")], "\t")
    return root


@layout
def manifest(root):
    pictures(root, [f"{k}.jpg" for k in range(4)])
    table(root / "data.csv", ("path", "label"), [(f"{k}.jpg", kind(k)) for k in range(4)])
    return root / "data.csv"


@layout
def folds(root):
    for fold in range(3):
        for k in range(3):
            picture(root / f"fold{fold}" / kind(k) / f"{k}.png", 10 * fold + k)
    return root


@layout
def class_folders_below_years(root):
    for year in ("winter", "summer"):
        for k in range(6):
            picture(root / year / kind(k) / f"{k}.png", k + 10 * len(year) + (year == "winter") * 30)
    return root


@layout
def splits_below_classes(root):
    for k in range(12):
        picture(root / kind(k) / ("train" if k < 9 else "test") / f"{k}.png", k)
    return root


@layout
def one_folder_too_high(root):
    for k in range(6):
        picture(root / "photos" / kind(k) / f"{k}.png", k)
    return root


@layout
def photographs_of_other_formats(root):
    for k in range(6):
        picture(root / kind(k) / f"{k}.png", k)
    for suffix in ("heic", "heic", "dng"):
        path = root / "lynx" / f"{suffix}{len(list(root.rglob('*.*')))}.{suffix}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    return root
