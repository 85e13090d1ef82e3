"""What a run is audited against: questions, evidence, exposure and identity.

`Source` is all that the stages know of it; `WorldSource` (a story whose every fact is known) is
the first kind. A run folder holds the files that its source needs to be read again, and
`run.json` says its kind: `read_source`.
"""

from harness.sources.protocol import Kept, Source
from harness.sources.read import planned_source, read_source
from harness.sources.world import WorldSource

__all__ = ["Kept", "Source", "WorldSource", "planned_source", "read_source"]
