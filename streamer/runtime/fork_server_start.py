"""Imported by the fork server alone, before all else: from then on it ends with the server, also while it imports, or
is stopped.
"""

from __future__ import annotations

from streamer.runtime.parent_death import end_with_parent

end_with_parent()
