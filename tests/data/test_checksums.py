import gzip
import hashlib

import pytest

from latentbench.data.checksums import require_accepted

CONTENT = b"cells and genes"


@pytest.mark.parametrize(
    "digest",
    [hashlib.sha256(CONTENT).hexdigest().upper(), "md5:" + hashlib.md5(CONTENT).hexdigest()],
)
@pytest.mark.parametrize("level", [None, 1, 9])
def test_a_file_is_accepted_by_the_digest_of_its_content_however_it_is_compressed(
    tmp_path, digest, level
):
    path = tmp_path / "file"
    path.write_bytes(CONTENT if level is None else gzip.compress(CONTENT, level))

    assert (
        require_accepted(path, ["0" * 64, digest]) == hashlib.sha256(path.read_bytes()).hexdigest()
    )


def test_a_changed_byte_is_refused_with_the_files_name(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(CONTENT[:-1] + b"S")

    with pytest.raises(ValueError, match=r"file: checksum mismatch .*among the 1 "):
        require_accepted(path, [hashlib.sha256(CONTENT).hexdigest()])


def test_without_accepted_digests_any_file_is_taken(tmp_path):
    (tmp_path / "file").write_bytes(CONTENT)

    assert require_accepted(tmp_path / "file", []) == hashlib.sha256(CONTENT).hexdigest()
