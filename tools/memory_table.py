"""Write the table of docs/models.md: what each way to install the local model takes, by the memory plan.

`python -m tools.memory_table` prints it, `python -m tools.memory_table --write` puts it into the document.
"""

from __future__ import annotations

import sys
from pathlib import Path

from qie_desktop.core.catalogue import CATALOGUE
from qie_desktop.core.memory_plan import GB, Fit, Policy
from qie_desktop.core.model import HubWeights
from qie_desktop.core.model_parts import DownloadChoice, chosen_parts
from qie_desktop.services.machine_memory import MemoryNeed, memory_needs

DOCUMENT = Path(__file__).parents[1] / "docs" / "models.md"
BEGIN, END = "<!-- memory table: begin -->\n", "<!-- memory table: end -->\n"
_GIB = 2**30
_MACS_GIB = (8, 16, 18, 24, 32, 36, 48, 64, 96, 128)


def table() -> str:
    """Return the table as Markdown."""
    spec, weights = next(
        (spec, spec.local.weights)
        for spec in CATALOGUE
        if spec.local is not None and isinstance(spec.local.weights, HubWeights)
    )
    lines = [
        "| transformer | text encoder | download, disk "
        "| reading the prompt | encoding | denoising | decoding | smallest Mac | runs, tightly, from |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for quantisation, _ in weights.gguf_gb:
        for form in weights.text_encoders:
            choice = DownloadChoice(spec.id, quantisation, form.name)
            size_gb = sum(part.gb for part in chosen_parts(spec, weights, choice))
            roomy = _need(weights, quantisation, form.name, max(_MACS_GIB), Policy.STAGED)
            peaks = " | ".join(f"{stage.peak_bytes / GB:.1f}" for stage in roomy.plan.stages)
            fits = {gib: _need(weights, quantisation, form.name, gib, Policy.AUTO) for gib in _MACS_GIB}
            well = next(gib for gib, need in fits.items() if need.fit is Fit.FITS)
            just = next(gib for gib, need in fits.items() if need.fit is not Fit.TOO_LARGE)
            smaller = " (smaller working area)" if fits[just].plan.is_smaller else ""
            lines.append(
                f"| {quantisation} | {form.name} | {size_gb:.1f} | {peaks} | {well} GB | {just} GB{smaller} |"
            )
    return "\n".join(lines) + "\n"


def _need(weights: HubWeights, quantisation: str, form: str, gib: int, policy: Policy) -> MemoryNeed:
    needs = memory_needs(weights, "mps", gib * _GIB, text_encoder=form, policy=policy)
    return next(need for need in needs if need.quantisation == quantisation)


def main() -> None:
    """Print the table, or write it."""
    if "--write" in sys.argv[1:]:
        before, rest = DOCUMENT.read_text(encoding="utf-8").split(BEGIN)
        DOCUMENT.write_text(f"{before}{BEGIN}{table()}{END}{rest.split(END)[1]}", encoding="utf-8")
    else:
        sys.stdout.write(table())


if __name__ == "__main__":
    main()
