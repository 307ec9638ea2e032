"""Where the library's notices go: the logger ``soc_gen``, which says nothing until somebody listens.

``soc`` listens and shows them. What is drawn while it changes (bars, what a run waits for) is told to
callbacks instead.
"""

from __future__ import annotations

import logging

log = logging.getLogger("soc_gen")
log.addHandler(logging.NullHandler())
