"""A small sample of each format of camera traps and detectors, in exactly its layout: A 6, B 4, C 2 images."""

import csv
import json

import numpy as np
from PIL import Image

LABELS = tuple("AAAAAABBBBCC")
SITES = tuple("pqrspqrspqrs")
NAMES = tuple(f"IMG_{number:04d}.JPG" for number in range(12))
BOX = [0.25, 0.25, 0.5, 0.5]


def pictures(folder, names, size=(16, 16)):
    """Write images that are all different, as PNG whatever their ending is."""
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng([number, len(name)]).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path, "PNG")


def write_json(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def write_table(path, rows):
    """Write a list of dicts, the columns in the order of the first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path


def coco_content(**changes):
    """Return a file of COCO Camera Traps, the first image with a box."""
    content = {
        "info": {"version": "1.0", "description": "sample"},
        "images": [
            {
                "id": f"im{k}",
                "file_name": name,
                "width": 16,
                "height": 16,
                "location": SITES[k],
                "seq_id": f"s{k // 2}",
                "seq_num_frames": 2,
                "frame_num": k % 2,
                "datetime": "2022-12-31 09:52:50",
            }
            for k, name in enumerate(NAMES)
        ],
        "annotations": [
            {"id": f"an{k}", "image_id": f"im{k}", "category_id": "ABC".index(label), "sequence_level_annotation": True}
            for k, label in enumerate(LABELS)
        ],
        "categories": [{"id": number, "name": name} for number, name in enumerate("ABC")],
    }
    return {**content, **changes}


def coco(folder):
    pictures(folder / "images", NAMES)
    return write_json(folder / "cct.json", coco_content())


DEPLOYMENTS = [
    {
        "deploymentID": f"d-{site}",
        "locationID": f"loc-{site}",
        "latitude": "50.7",
        "longitude": "4.0",
        "deploymentStart": "2020-05-30T02:57:37+00:00",
        "deploymentEnd": "2020-07-01T09:41:41+00:00",
    }
    for site in "pqrs"
]


def media_rows():
    return [
        {
            "mediaID": f"m{k}",
            "deploymentID": f"d-{SITES[k]}",
            "captureMethod": "activityDetection",
            "timestamp": f"2020-06-01T12:{k:02d}:00Z",
            "filePath": f"media/{name}",
            "filePublic": "true",
            "fileName": name,
            "fileMediatype": "image/jpeg",
        }
        for k, name in enumerate(NAMES)
    ]


def observation_rows():
    return [
        {
            "observationID": f"o{k}",
            "deploymentID": f"d-{SITES[k]}",
            "mediaID": f"m{k}",
            "eventID": f"e{k // 2}",
            "eventStart": f"2020-06-01T12:{k:02d}:00Z",
            "eventEnd": f"2020-06-01T12:{k:02d}:00Z",
            "observationLevel": "media",
            "observationType": "animal",
            "scientificName": label,
            "count": "1",
            "bboxX": "",
            "bboxY": "",
            "bboxWidth": "",
            "bboxHeight": "",
        }
        for k, label in enumerate(LABELS)
    ]


def camtrap_package(folder, media=None, observations=None, version="1.0.2"):
    """Write a package with other media or observations than those of the sample."""
    base = f"https://raw.githubusercontent.com/tdwg/camtrap-dp/{version}/"
    tables = {
        "deployments": DEPLOYMENTS,
        "media": media or media_rows(),
        "observations": observations or observation_rows(),
    }
    for name, rows in tables.items():
        write_table(folder / f"{name}.csv", rows)
    resources = [
        {
            "name": name,
            "path": f"{name}.csv",
            "profile": "tabular-data-resource",
            "schema": f"{base}{name}-table-schema.json",
        }
        for name in tables
    ]
    return write_json(
        folder / "datapackage.json", {"profile": f"{base}camtrap-dp-profile.json", "resources": resources}
    )


def camtrap_dp(folder):
    pictures(folder / "media", NAMES)
    return camtrap_package(folder)


RANKS = {"A": ("Mammalia", "Carnivora", "A"), "B": ("Mammalia", "B", ""), "C": ("C", "", "")}


def wildlife_rows():
    return [
        {
            "project_id": "2004252",
            "deployment_id": f"d-{SITES[k]}",
            "image_id": f"00ab{k:04d}",
            "filename": name,
            "location": f"gs://2004252__main/deployment/{SITES[k]}/00ab{k:04d}.JPG",
            "is_blank": "0",
            "identified_by": "Ana",
            "wi_taxon_id": "x",
            **dict(zip(("class", "order", "family"), RANKS[LABELS[k]], strict=True)),
            "genus": "",
            "species": "",
            "common_name": "",
            "timestamp": "2021-08-26 10:00:00",
            "cv_confidence": "",
        }
        for k, name in enumerate(NAMES)
    ]


def wildlife_insights(folder):
    pictures(folder / "downloaded", [f"00ab{k:04d}.JPG" for k in range(12)])
    return write_table(folder / "images_2004252.csv", wildlife_rows())


def serengeti_rows():
    """Return the images and the annotations: six captures of two images, the species of the first."""
    images = [
        {
            "": k,
            "capture_id": f"SER_S1#{SITES[k // 2]}01#1#{k // 2}",
            "image_rank_in_capture": 1 + k % 2,
            "image_path_rel": f"S1/{SITES[k // 2]}01/{name}",
        }
        for k, name in enumerate(NAMES)
    ]
    annotations = [
        {
            "": k,
            "capture_id": f"SER_S1#{SITES[k]}01#1#{k}",
            "season": "S1",
            "site": f"{SITES[k]}01",
            "question__species": LABELS[2 * k],
            "question__count_median": 1.0,
        }
        for k in range(6)
    ]
    return images, annotations


def snapshot_serengeti(folder):
    images, annotations = serengeti_rows()
    pictures(folder, [row["image_path_rel"] for row in images])
    write_table(folder / "SnapshotSerengeti_v2_1_annotations.csv", annotations)
    return write_table(folder / "SnapshotSerengeti_v2_1_images.csv", images)


def megadetector_content():
    box = {"category": "1", "conf": 0.9, "bbox": BOX}
    return {
        "info": {"format_version": "1.6", "detector": "MDV5A"},
        "detection_categories": {"1": "animal", "2": "person", "3": "vehicle"},
        "images": [{"file": f"site/{name}", "detections": [box]} for name in NAMES],
    }


def megadetector(folder):
    pictures(folder / "site", NAMES)
    return write_json(folder / "md.json", megadetector_content())


def speciesnet_content():
    """Return results as version 5.0.6 writes them: classes stand at the boxes."""
    return {
        "info": {"format_version": "20261015"},
        "predictions": [
            {
                "filepath": f"site/{name}",
                "detections": [
                    {
                        "category": "1",
                        "label": "animal",
                        "conf": 0.9,
                        "bbox": BOX,
                        "raw_classifications": {"classes": ["x"], "scores": [0.7]},
                        "processed_classification": {
                            "class": f"guid;mammalia;{label.lower()};;;;some {label}",
                            "score": 0.7,
                            "source": "classifier",
                        },
                    }
                ],
                "model_version": "4.0.3a",
            }
            for name, label in zip(NAMES, LABELS, strict=True)
        ],
    }


def speciesnet(folder):
    pictures(folder / "site", NAMES)
    return write_json(folder / "predictions.json", speciesnet_content())


SAMPLES = {
    "coco": coco,
    "camtrap-dp": camtrap_dp,
    "wildlife-insights": wildlife_insights,
    "snapshot-serengeti": snapshot_serengeti,
    "megadetector": megadetector,
    "speciesnet": speciesnet,
}
