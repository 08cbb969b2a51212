"""What people write into the record about others: why, and on what ground.

Here: what of it may be kept. A reason stays for as long as the record does, and no deletion of
somebody's data looks there.
"""

from sxe_pipeline import logs
from sxe_pipeline.errors import BadInput


def refuse_contact(text: str, what: str) -> None:
    """Refuse words that look like contact data.

    Args:
        text: As it was typed.
        what: Its name, for the error.

    Raises:
        BadInput: They do. The error repeats none of them.
    """
    words = " ".join(text.split())
    if logs.scrub(words) != words:
        raise BadInput(f"the {what} looks like contact data, which is not kept; say it otherwise")
