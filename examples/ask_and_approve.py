"""One person asks for contact data, another looks at it and approves exactly that.

Each types with the own token. In the home that `make demo` left (SXE_HOME=.sxe/demo), the tokens of
its people, who do not exist, lie in the folder `keys`.

usage: ask_and_approve.py TOKEN_FOLDER MARKET
"""

import json
import os
import subprocess
import sys
from pathlib import Path


def sxe(token: str | None, *words: str) -> dict:
    """Type a verb as whoever holds the token; ends where the verb is refused."""
    done = subprocess.run(
        ["sxe", *words, "--json"],
        env=os.environ | ({"SXE_TOKEN": token} if token else {}),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"`sxe {words[0]}` ended with {done.returncode}")
    return json.loads(done.stdout)


def main(folder: str, market: str) -> None:
    """Ask as ana, look as anybody, approve as ben."""
    ana, ben = ((Path(folder) / f"{name}.token").read_text() for name in ("ana", "ben"))
    wanted = [
        *("request", "--market", market, "--fields", "email", "--limit", "3"),
        *("--purpose", "market_research", "--legal-basis", "legitimate_interest"),
        *("--match-basis", "public_data", "--permissible-purpose", "none"),
    ]
    plan = sxe(ana, *wanted)
    print(f"worst case ${plan['worst_micros'] / 1e6:.2f}; nothing is written yet")

    request = sxe(ana, *wanted, "--submit")
    seen = sxe(None, "approve", request["request_id"], "--show")["asked"]
    print(f"asked by {seen['created_by']}: {request['request_id'][:8]}, version {seen['version']}")

    # The hash pins what was looked at: an approval of a request that was edited since is refused.
    pinned = ["--hash", seen["content_sha256"], "--reason", "looked at the list"]
    done = sxe(ben, "approve", request["request_id"], *pinned)
    print(f"{done['approval']['state']}; `sxe enrich run` would spend it now")


if __name__ == "__main__":
    main(*sys.argv[1:])
