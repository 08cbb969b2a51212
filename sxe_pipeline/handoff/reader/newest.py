"""Find the newest head of a contract: signed, in its place, not put back, not run out.

Here: which numbers are looked at and what a head must be to whoever knows an earlier one. Pure but
for `read`, which answers the bytes under a key. Not here: what is done with what it lists (`pull`).
"""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sxe_pipeline import sign
from sxe_pipeline.errors import Frozen, NotFound, Tampered
from sxe_pipeline.handoff.files import head
from sxe_pipeline.handoff.rotation import Followed

_LAST = 99_999_999
"""No head has a higher number: eight digits."""


@dataclass(frozen=True, slots=True)
class Known:
    """The head that was taken over last."""

    seq: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Found:
    """The newest head, and which batches follow from it.

    `wanted`: of a contract with markets what it lists; of one with requests what the heads since
    the known one list, oldest first. `known`: ids of the batches that the known head lists.
    """

    data: bytes
    fields: Mapping[str, Any]
    wanted: Sequence[Mapping[str, Any]]
    known: Set[str]


def find(
    read: Callable[[str], bytes],
    keys: Followed,
    *,
    contract: str,
    major: int,
    known: Known | None,
    now: datetime,
) -> Found:
    """Find the newest head in a few probes, and hold it to what is known.

    Args:
        read: The bytes under a key of the store; raises NotFound where there is none.
        keys: Those that are gone by.
        contract: The contract's id.
        major: Of its version.
        known: The head that was taken over last.
        now: By the reader's clock.

    Raises:
        NotFound: There is no head.
        Frozen: The newest one has run out.
        Tampered: One is not the sender's, of another place, or older than what is known.
    """
    probe = _Probe(read, keys, contract, major)
    if known is not None and probe.read(known.seq) != known.data:
        raise Tampered(
            f"head {known.seq} of {contract}, which was taken over before, is gone or another one: "
            "the sender's store was put back or replaced; ask the sender"
        )
    seq = _newest_seq(known.seq if known else 0, probe)
    if seq == 0:
        raise NotFound(
            f"there is no head of {contract} at {head.key_of(contract, major, 1)}; check the "
            "address and the contract"
        )
    fields = probe.opened(seq)
    if head.time_of(fields["expires_at"]) <= now:
        raise Frozen(
            f"the newest head of {contract}, number {seq}, ran out at {fields['expires_at']}: "
            "newer ones may be held back; ask the sender, and take nothing over before"
        )
    is_of_requests = all("request_id" in batch for batch in fields["batches"])
    first = known.seq + 1 if known else (1 if is_of_requests else seq)
    since = [probe.opened(number) for number in range(first, seq)] + [fields]
    for number in range(known.seq if known else first, seq):
        if sign.sha256(probe.data(number)) != probe.opened(number + 1)["prev_head_sha256"]:
            raise Tampered(f"head {number + 1} does not follow the one before it; ask the sender")
    listed = set[str]()
    if known is not None:
        _refuse_older(probe.opened(known.seq), since)
        listed = {batch["batch_id"] for batch in probe.opened(known.seq)["batches"]}
    if not is_of_requests:
        return Found(probe.data(seq), fields, fields["batches"], listed)
    new = since if known is None or known.seq < seq else []
    wanted = [batch for said in new for batch in said["batches"]]
    return Found(probe.data(seq), fields, wanted, listed)


def _newest_seq(known: int, probe: "_Probe") -> int:
    """The highest number there is: in steps that double, then by halves between."""
    there, step = known, 1
    while there + step <= _LAST and probe.read(there + step) is not None:
        there, step = there + step, 2 * step
    missing = min(there + step, _LAST + 1)
    while missing - there > 1:
        middle = (there + missing) // 2
        if probe.read(middle) is None:
            missing = middle
        else:
            there = middle
    return there


class _Probe:
    """Heads as they are read: each once, each the sender's and in its own place."""

    def __init__(
        self, read: Callable[[str], bytes], keys: Followed, contract: str, major: int
    ) -> None:
        self._read, self._keys, self._contract, self._major = read, keys, contract, major
        self._found: dict[int, bytes | None] = {}
        self._opened: dict[int, dict[str, Any]] = {}

    def read(self, seq: int) -> bytes | None:
        """The bytes of a head; None where there is none of that number."""
        if seq not in self._found:
            try:
                self._found[seq] = self._read(head.key_of(self._contract, self._major, seq))
            except NotFound:
                self._found[seq] = None
        return self._found[seq]

    def data(self, seq: int) -> bytes:
        """The bytes of a head that is there."""
        data = self.read(seq)
        if data is None:
            raise Tampered(
                f"head {seq} of {self._contract} is missing, and there are later ones; ask the "
                "sender"
            )
        return data

    def opened(self, seq: int) -> dict[str, Any]:
        """What a head says; one is read once."""
        if seq not in self._opened:
            self._opened[seq] = self._open(seq)
        return self._opened[seq]

    def _open(self, seq: int) -> dict[str, Any]:
        data = self.data(seq)
        fields = head.unseal(data, self._keys.public_keys())
        is_first = fields["prev_head_sha256"] is None
        if (fields["contract"], fields["seq"], is_first) != (self._contract, seq, seq == 1):
            raise Tampered(
                f"in the place of head {seq} of {self._contract} lies another; do not go by it"
            )
        # Of a key that another took over from, only what was signed before that is good.
        head.unseal(data, self._keys.public_keys_at(head.time_of(fields["made_at"])))
        return fields


def _refuse_older(known: Mapping[str, Any], since: Sequence[Mapping[str, Any]]) -> None:
    """No market goes back to an earlier batch, or away, from head to head."""
    for before, said in zip([known, *since], since, strict=False):
        now = {batch["market"]: batch for batch in said["batches"] if "kind" in batch}
        for batch in before["batches"]:
            if "kind" not in batch:
                continue
            later = now.get(batch["market"])
            if later is None or (
                later["batch_id"] != batch["batch_id"]
                and later["published_seq"] <= batch["published_seq"]
            ):
                raise Tampered(
                    f"head {said['seq']} goes back behind head {before['seq']} in a market; ask "
                    "the sender"
                )
        if said["last_published_seq"] < before["last_published_seq"]:
            raise Tampered(f"head {said['seq']} goes back behind head {before['seq']}")
