from __future__ import annotations

import subprocess
import sys

CODE = """
import pkgutil, sys, qie_desktop.storage, qie_desktop.services
for package in (qie_desktop.storage, qie_desktop.services):
    for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        __import__(module.name)
print(sorted({"torch", "diffusers", "transformers", "PySide6", "keyring", "dotenv"} & set(sys.modules)))
"""


def test_services_and_storage_import_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
