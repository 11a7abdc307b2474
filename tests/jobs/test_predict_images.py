"""`longtail predict` on images: which are left out, one block after the other, and what a prior is estimated from."""

import csv

import numpy as np
import pytest

from longtail.cli import main
from longtail.features import FeatureBlock
from longtail.jobs.predicting.inputs import some_rows


@pytest.fixture
def network(bees_and_cows):
    return bees_and_cows


def predict(network, inputs, out, *words):
    fixed = ["predict", network / "run", inputs, "--out", out, "--device", "cpu"]
    return main([*map(str, fixed), "--workers", "0", *words])


def read(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_unreadable_images_are_named(network, tmp_path, capsys):
    folder = tmp_path / "new"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.png").write_bytes((network / "photos" / "bee" / f"{number:02d}.png").read_bytes())
    (folder / "broken.png").write_bytes(b"no image")
    assert predict(network, folder, tmp_path / "p.csv") == 2
    told = capsys.readouterr().err
    assert "broken.png" in told
    assert "--skip-bad" in told
    assert predict(network, folder, tmp_path / "p.csv", "--skip-bad") == 0
    told = capsys.readouterr().out
    assert "note: left out: " in told
    assert "skip_bad" not in told
    assert "broken.png" in told
    assert [row["input"] for row in read(tmp_path / "p.csv")] == [str(folder / f"{number}.png") for number in range(3)]


def test_blocks_are_the_whole(network, tmp_path, monkeypatch):
    from longtail.training import inference

    assert predict(network, network / "photos", tmp_path / "whole.csv", "--quiet") == 0
    usual = inference.EvaluationBatches.__init__

    def small(self, *words, batch_size=256, **named):
        usual(self, *words, batch_size=7, **named)

    monkeypatch.setattr(inference.EvaluationBatches, "__init__", small)
    assert predict(network, network / "photos", tmp_path / "blocks.csv", "--quiet") == 0
    whole, blocks = read(tmp_path / "whole.csv"), read(tmp_path / "blocks.csv")
    assert [row["input"] for row in blocks] == [row["input"] for row in whole]
    shares = [[float(row["bee"]) for row in rows] for rows in (blocks, whole)]
    np.testing.assert_allclose(*shares, rtol=1e-4)
    assert len(blocks) == 40


def test_a_prior_is_estimated_from_images_that_are_looked_at_once(network, tmp_path, capsys, monkeypatch):
    from longtail.data.unlabelled import UnlabelledImages

    loaded, load = [], UnlabelledImages.load

    def counted(self, index, *, least=None):
        loaded.append(index)
        return load(self, index, least=least)

    monkeypatch.setattr(UnlabelledImages, "load", counted)
    assert predict(network, network / "photos", tmp_path / "p.csv", "--prior", "estimated-em") == 0
    assert "prior estimated from 40 inputs" in capsys.readouterr().out
    assert len(loaded) <= 41  # one more says how many channels they have


@pytest.mark.parametrize(("size", "enough"), [(1, 1), (5, 3), (7, 100), (300, 16)])
def test_of_many_rows_some_are_taken_evenly(size, enough):
    rows = np.arange(1000)[:, None]
    blocks = (FeatureBlock(rows[start : start + size], []) for start in range(0, 1000, size))
    kept = some_rows(blocks, enough=enough)[:, 0]
    step = kept[1] - kept[0] if len(kept) > 1 else 1000
    np.testing.assert_array_equal(kept, np.arange(0, 1000, step))
    assert enough / 2 < len(kept) <= max(enough, 1)
