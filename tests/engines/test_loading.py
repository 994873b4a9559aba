"""What engines import is kept out of the garbage collections that follow, once."""

import json
import subprocess
import sys

_TWICE = """
import gc, json
from qie_desktop.engines.loading import load_local_engine
load_local_engine()
first = [gc.get_freeze_count(), len(gc.get_objects()), gc.isenabled()]
made_meanwhile = [[] for _ in range(1000)]
load_local_engine()
print(json.dumps([*first, gc.get_freeze_count()]))
"""


def test_imported_modules_are_never_looked_through_and_what_comes_later_is():
    ran = subprocess.run([sys.executable, "-c", _TWICE], capture_output=True, text=True, check=True)
    frozen, looked_through, collecting, frozen_later = json.loads(ran.stdout)
    assert frozen > 100_000
    assert looked_through < frozen / 10
    assert collecting
    # A second time must not freeze what a job has made meanwhile: it would never be collected.
    assert frozen_later == frozen
