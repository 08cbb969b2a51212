"""Object storage on a socket: it answers as services do, wrongly by the name of a bucket.

Here: buckets, whom each identity may reach. Not here: signatures, which nobody checks.
"""

import contextlib
import http.server
import re
import secrets
import threading
import urllib.parse

REFUSALS = {
    "denied": (403, "AccessDenied"),
    "stranger": (403, "InvalidAccessKeyId"),
    "forged": (403, "SignatureDoesNotMatch"),
    "missing": (404, "NoSuchBucket"),
    "busy": (503, "SlowDown"),
}
"""Bucket -> what it answers to everything."""

READ_ONLY, WRITE_ONLY, OLD, CARELESS = "read-only", "write-only", "old", "careless"
"""Refuse writing or reading; do not know If-None-Match, and say so or overwrite."""


class _Bucket(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def parse_request(self):
        return super().parse_request() and self._is_let_in()

    def _is_let_in(self):
        """An identity reaches the buckets that are its own; without any, everybody reaches all."""
        name = re.search("Credential=([^/]+)/", self.headers.get("authorization") or "")
        identity, (bucket, _) = name and name[1], self._place()
        if self.server.identities is None or bucket in self.server.identities.get(identity, ()):
            return True
        self.server.turned_away.append((identity, bucket))
        self.close_connection = True
        self._refuse(403, "AccessDenied")
        return False

    def do_PUT(self):
        data = self.rfile.read(int(self.headers.get("content-length") or 0))
        bucket, key = self._place()
        is_new_only = self.headers.get("if-none-match") == "*"
        if bucket in REFUSALS:
            return self._refuse(*REFUSALS[bucket])
        if bucket == READ_ONLY:
            return self._refuse(403, "AccessDenied")
        if bucket == OLD and is_new_only:
            return self._refuse(501, "NotImplemented")
        if is_new_only and bucket != CARELESS and (bucket, key) in self.server.objects:
            return self._refuse(412, "PreconditionFailed")
        query = self._query()
        if "uploadId" in query:
            self.server.uploads[query["uploadId"]][int(query["partNumber"])] = data
        else:
            self.server.objects[bucket, key] = data
        return self._answer(200)

    def do_GET(self):
        bucket, key = self._place()
        if bucket in REFUSALS:
            return self._refuse(*REFUSALS[bucket])
        if bucket == WRITE_ONLY:
            return self._refuse(403, "AccessDenied")
        query = self._query()
        if "list-type" in query:
            return self._list(bucket, query.get("prefix", ""), query.get("start-after", ""))
        if (bucket, key) not in self.server.objects:
            return self._refuse(404, "NoSuchKey")
        return self._part(self.server.objects[bucket, key])

    def do_HEAD(self):
        self.do_GET()

    def do_DELETE(self):
        upload = self._query().get("uploadId")
        if upload is None:
            self.server.objects.pop(self._place(), None)
        else:
            self.server.uploads.pop(upload, None)
        self._answer(204)

    def do_POST(self):
        """Several are deleted at once; an object that comes in parts begins, or is whole."""
        body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
        bucket, key = self._place()
        query = self._query()
        if "uploads" in query:
            upload = secrets.token_hex(8)
            self.server.uploads[upload] = {}
            root = "InitiateMultipartUploadResult"
            return self._answer(200, f"<{root}><UploadId>{upload}</UploadId></{root}>".encode())
        if "uploadId" in query:
            parts = self.server.uploads.pop(query["uploadId"])
            self.server.objects[bucket, key] = b"".join(parts[n] for n in sorted(parts))
            done = "<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>"
            return self._answer(200, done.encode())
        keys = [part.split("</Key>")[0] for part in body.split("<Key>")[1:]]
        for key in keys:
            self.server.objects.pop((bucket, key), None)
        deleted = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in keys)
        return self._answer(200, f"<DeleteResult>{deleted}</DeleteResult>".encode())

    def _query(self):
        query = urllib.parse.urlsplit(self.path).query
        return dict(urllib.parse.parse_qsl(query, keep_blank_values=True))

    def _place(self):
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        bucket, _, key = path.removeprefix("/").partition("/")
        return bucket, key

    def _list(self, bucket, prefix, after):
        stored = list(self.server.objects.items())  # others write meanwhile
        rows = "".join(
            f"<Contents><Key>{key}</Key><Size>{len(data)}</Size><ETag>e</ETag>"
            "<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
            for (at, key), data in sorted(stored)
            if at == bucket and key.startswith(prefix) and key > after
        )
        self._answer(200, f"<ListBucketResult>{rows}</ListBucketResult>".encode())

    def _part(self, data):
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("range") or "")
        if not wanted:
            return self._answer(200, data)
        first, last = int(wanted[1]), min(int(wanted[2]), len(data) - 1)
        place = f"bytes {first}-{last}/{len(data)}"
        return self._answer(206, data[first : last + 1], {"content-range": place})

    def _refuse(self, status, code):
        self._answer(status, f"<Error><Code>{code}</Code></Error>".encode())

    def _answer(self, status, body=b"", more=None):
        self.send_response(status)
        for name, value in {
            "content-length": str(len(body)),
            "etag": "e",
            "last-modified": "Thu, 01 Jan 2026 00:00:00 GMT",
            **(more or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_):
        pass


class Storage:
    """A running service.

    Attributes:
        objects: (bucket, key) -> bytes.
        turned_away: (identity, bucket) of every request to a bucket that is not the identity's.
        place: The variables that say where it is; `identity` adds who asks.
    """

    def __init__(self, server):
        self.objects, self.turned_away = server.objects, server.turned_away
        self.place = {
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
            "AWS_ALLOW_HTTP": "true",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def identity(self, name, prefix="AWS"):
        """The variables of an identity, for every store or, by the prefix, for one."""
        return {f"{prefix}_ACCESS_KEY_ID": name, f"{prefix}_SECRET_ACCESS_KEY": "secret"}


@contextlib.contextmanager
def storage(identities=None):
    """A service whose identities (name -> buckets) reach their own buckets only."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Bucket)
    server.objects, server.uploads = {}, {}
    server.identities, server.turned_away = identities, []
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield Storage(server)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.contextmanager
def serving():
    """The variables of an S3 client, and what is stored: (bucket, key) -> bytes."""
    with storage() as started:
        yield started.place | started.identity("key"), started.objects
