"""Imported by the fork server alone, before all else: from then on it ends with the server, also while it imports, or
is stopped; and torch computes in one thread, in what it forks as well.

A fork lacks the threads of its parent's pool, and would wait for them for ever: the fork server must have no pool, also
where a module computes something when it is imported.
"""

from __future__ import annotations

from streamer.runtime.prctl import end_with_parent, set_process_name

end_with_parent()
set_process_name("fork-server")

import torch  # noqa: E402 - takes seconds, in which the server may end

torch.set_num_threads(1)
