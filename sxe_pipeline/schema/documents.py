"""YAML that a process reads at its start, by libyaml.

Here: the loader. Not here: what a document may say, which whoever reads it knows.
"""

from typing import Any

import yaml
from yaml.composer import Composer
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver

try:  # libyaml is eight times as fast; not every build of PyYAML has it
    from yaml._yaml import CParser
except ImportError:
    SafeLoader: Any = yaml.SafeLoader
else:

    class SafeLoader(Composer, CParser, SafeConstructor, Resolver):  # type: ignore[no-redef]
        """Tokens by libyaml, the tree by Python: libyaml's own dies of one nested deep enough."""

        def __init__(self, stream: bytes | str) -> None:
            CParser.__init__(self, stream)
            Composer.__init__(self)
            SafeConstructor.__init__(self)
            Resolver.__init__(self)


def read(text: bytes | str) -> Any:
    """What a document holds.

    Raises:
        yaml.YAMLError: It is no YAML, or more than plain values.
    """
    return SafeLoader(text).get_single_data()
