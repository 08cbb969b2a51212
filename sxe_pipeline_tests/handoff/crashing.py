"""Stores that die in the middle of a batch."""

from sxe_pipeline.store.objects import Objects

PUTS = ["schema", "page", "contract", "parquet", "jsonl", "manifest"]
"""What a batch of one part puts into its store, in this order."""
MANIFEST = len(PUTS)
DELTA_PUTS = [
    *PUTS[:3],
    *("removes_schema", "removes_page", "removes_contract"),
    *PUTS[3:5],
    *("removes_parquet", "removes_jsonl", "manifest"),
]
"""The same of a delta."""


class Cut(Exception):
    """The process ends here."""


class Faulty(Objects):
    """A store that dies before or after its n-th put."""

    def __init__(self, url, put, when):
        super().__init__(url)
        self._left, self._when = put, when

    def put_new(self, key, data):
        self._left -= 1
        if self._left == 0 and self._when == "before":
            self.end()
        made = super().put_new(key, data)
        if self._left == 0:
            self.end()
        return made

    def end(self):
        """How it dies."""
        raise Cut


def held(store):
    """Every key of a store, with its bytes."""
    return {entry.key: store.get(entry.key) for entry in store.list()}
