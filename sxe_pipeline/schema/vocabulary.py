"""The words that the public surface never has: this engine writes to nobody and sells nothing.

Here: the words and the question. What the surface is (verbs, assets, columns, settings) is asked by
the tests and by the demo.
"""

import re
from collections.abc import Iterable

DENIED = re.compile(
    r"""
      (?<![a-z])(?:
        campaigns? | crms? | deals? | deal_?(?:flow|stage)s? | opportunit(?:y|ies)
      | messag(?:e|es|ing)_?(?:out|send|template|sequence|campaign)?s? | inbox(?:es)? | outreach
      | drips? | call_?(?:queue|list|script)s? | dial(?:er|ler|ing)?s? | call_?center
      | sms | mms | whatsapp | voicemails? | newsletters? | mail_?(?:merge|ing|shot)s?
      | auto_?repl(?:y|ies) | direct_?messages? | cold_?(?:call|mail|email)(?:s|ing)?
      | sales(?:_?automation)? | prospect(?:s|ing)? | nurtur(?:e|es|ing) | follow_?ups?
      )(?![a-z])
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""Campaigns, messaging, call queues, deals, CRM, sales automation."""


def offences(names: Iterable[str]) -> list[str]:
    """The names that hold a denied word, sorted.

    Example:
        >>> offences(["lead_card", "campaign", "send-message"])
        ['campaign', 'send-message']
    """
    return sorted({name for name in names if DENIED.search(name.replace("-", "_"))})
