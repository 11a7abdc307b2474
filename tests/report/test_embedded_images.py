import base64

import pytest

from longtail.report.embedded_images import inline_image

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)


def test_image_comes_back_from_its_uri(tmp_path):
    (tmp_path / "a.png").write_bytes(PNG)
    image = inline_image(tmp_path, "a.png")
    start, content = image.uri.split(",")
    assert start == "data:image/png;base64"
    assert base64.b64decode(content) == PNG
    assert image.coarse


@pytest.mark.parametrize("name", [None, "", "missing.png", ".", "../secret.png", "text.png", "empty.png"])
def test_what_is_no_image_of_the_run_is_left_out(tmp_path, name):
    folder = tmp_path / "run"
    folder.mkdir()
    (tmp_path / "secret.png").write_bytes(PNG)
    (folder / "text.png").write_text("<script>")
    (folder / "empty.png").write_bytes(b"")
    assert inline_image(folder, name) is None


def test_absolute_path_and_link_out_of_the_folder_are_left_out(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (tmp_path / "secret.png").write_bytes(PNG)
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    assert inline_image(folder, str(tmp_path / "secret.png")) is None
    assert inline_image(folder, "link.png") is None
