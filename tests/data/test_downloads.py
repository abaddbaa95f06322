import hashlib
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import requests

from latentbench.data.downloads import cache_path, download

CONTENT = b"x" * 5000
DIGEST = [hashlib.sha256(CONTENT).hexdigest()]


@pytest.fixture
def server():
    """A server on this machine that answers with what ``answers`` lists, in turn, and remembers what it was asked."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.asked.append((self.path, self.headers["User-Agent"]))
            status, body, promised = self.server.answers.pop(0)
            self.send_response(status)
            self.send_header("Content-Length", str(promised))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as http:
        http.asked, http.answers = [], []
        http.url = f"http://127.0.0.1:{http.server_port}"
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield http
        http.shutdown()
        thread.join()


GOOD = (200, CONTENT, len(CONTENT))


def fetch(server, cache, path="/folder/cells.h5ad"):
    return download(server.url + path, cache, DIGEST, pause_seconds=0.01)


def test_a_download_is_kept_and_not_asked_for_again(server, tmp_path):
    server.answers = [GOOD]

    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert fetch(server, tmp_path).name == "cells.h5ad"
    [(path, agent)] = server.asked
    assert path == "/folder/cells.h5ad"
    assert agent.startswith("Mozilla/5.0")


def test_a_busy_server_is_asked_again_but_a_missing_file_is_not(server, tmp_path):
    server.answers = [(503, b"", 0), GOOD]
    assert fetch(server, tmp_path).read_bytes() == CONTENT

    server.answers = [(404, b"", 0), GOOD]
    with pytest.raises(requests.HTTPError, match="404"):
        fetch(server, tmp_path, "/other")
    assert len(server.asked) == 3


def test_a_download_that_breaks_off_is_tried_again_and_leaves_no_part_behind(server, tmp_path):
    server.answers = [(200, CONTENT[:100], len(CONTENT)), (200, b"", 0), GOOD]

    path = fetch(server, tmp_path)

    assert path.read_bytes() == CONTENT
    assert [file.name for file in path.parent.iterdir()] == ["cells.h5ad"]


def test_a_page_served_instead_of_the_data_is_refused_at_once_and_not_kept(server, tmp_path):
    page = b"<html>please log in</html>"
    server.answers = [(200, page, len(page))]

    with pytest.raises(ValueError, match="checksum mismatch"):
        fetch(server, tmp_path)
    assert not [file for file in tmp_path.rglob("*") if file.is_file()]


def test_a_damaged_file_in_the_cache_is_replaced(server, tmp_path):
    server.answers = [GOOD]
    path = cache_path(server.url + "/folder/cells.h5ad", tmp_path)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"damaged")

    assert fetch(server, tmp_path).read_bytes() == CONTENT


def test_the_fragment_names_the_file_and_no_address_leaves_the_cache(tmp_path):
    assert cache_path("https://host/download/123#cells.h5ad", tmp_path) == tmp_path / "host/download/123/cells.h5ad"
    assert cache_path("https://host/../../etc/./x", tmp_path) == tmp_path / "host/etc/x"
