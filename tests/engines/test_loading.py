"""What engines import is kept out of the garbage collections that follow, once."""

import json
import os
import subprocess
import sys

from PIL import Image

_TWICE = """
import gc, json
from qie_desktop.engines.loading import load_local_engine
load_local_engine()
first = [gc.get_freeze_count(), len(gc.get_objects()), gc.isenabled()]
made_meanwhile = [[] for _ in range(1000)]
load_local_engine()
print(json.dumps([*first, gc.get_freeze_count()]))
"""

_EDIT = """
import gc, sys
from qie_desktop.cli.main import app
sys.argv = ["qie", "edit", sys.argv[1], "make it sepia", "--model", "starter", "--quiet"]
app(standalone_mode=False)
print(gc.get_freeze_count())
"""


def test_imported_modules_are_never_looked_through_and_what_comes_later_is():
    ran = subprocess.run([sys.executable, "-c", _TWICE], capture_output=True, text=True, check=True)
    frozen, looked_through, collecting, frozen_later = json.loads(ran.stdout)
    assert frozen > 100_000
    assert looked_through < frozen / 10
    assert collecting
    # A second time must not freeze what a job has made meanwhile: it would never be collected.
    assert frozen_later == frozen


def test_so_it_is_in_an_edit(tmp_path):
    Image.new("RGB", (64, 64), "teal").save(tmp_path / "in.png")
    ran = subprocess.run(
        [sys.executable, "-c", _EDIT, str(tmp_path / "in.png")],
        capture_output=True, text=True, check=True, env=os.environ | {"QIE_HOME": str(tmp_path / "home")},
    )  # fmt: skip
    assert int(ran.stdout.split()[-1]) > 100_000
