"""The whole program at toy size: all trainings, one interrupted, and a checkpoint that the app runs."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from qie_desktop.core.cancel import CancelToken
from qie_desktop.core.catalogue import find_model
from qie_desktop.engines.local.checkpoint import Checkpoint
from qie_desktop.engines.local.inference.device import choose_device
from qie_desktop.engines.local.inference.pipeline import Edit, LocalPipeline
from qie_desktop.engines.local.inference.schedule import Schedule
from training import (
    evaluate,
    export,
    pictures,
    procedural,
    settle,
    train_text,
    train_transformer,
    train_vae,
    vision,
)
from training import exported as exported_weights
from training.runs import Budget
from training.tokens import Tokens
from training.workplace import TOY, Workplace


class Silent:
    def phase(self, *_, **__):
        pass

    def step(self, *_, **__):
        pass


def check_that_another_transformer_is_settled_anew(place, capsys):
    before = load_file(place.settled("vae"))["vae.decoder.conv_out.weight"]
    train_transformer.train(place, Budget(1000, steps=8))
    settle.train(place, Budget(1000, steps=2))
    told = capsys.readouterr().out
    assert "transformer: going on at step 4" in told
    assert "settle: begins anew" in told
    assert not torch.equal(before, load_file(place.settled("vae"))["vae.decoder.conv_out.weight"])


@pytest.mark.slow
def test_a_toy_is_trained_exported_measured_and_run(tmp_path, capsys):
    size = dataclasses.replace(TOY, drawn=2, drawn_px=256, prompts=400)
    place = Workplace(tmp_path / "work", "cpu", size, compiled=False)
    for role, seeds in (("training", (1, 2)), ("evaluation", (6,))):
        (place.pictures / role).mkdir(parents=True)
        for seed in seeds:
            Image.fromarray(procedural.draw(seed, 320)).save(place.pictures / role / f"{seed}.jpg")
    Tokens.build().save(place.tokens)
    vision.save_features(
        place.vision, Tokens.load(place.tokens), sorted((place.pictures / "training").iterdir()), 12
    )

    train_text.train(place, Budget(1000, steps=2))
    train_vae.train(place, Budget(1000, steps=1))
    train_vae.train(place, Budget(1000, steps=2))
    # The first is of the first kind, on targets with any share of noise.
    train_transformer.train(place, Budget(1000, steps=4))
    first, tuned = load_file(place.weights("vae")), load_file(place.weights("vae_tuned"))
    assert torch.equal(first["vae.encoder.conv_in.weight"], tuned["vae.encoder.conv_in.weight"])
    assert not torch.equal(first["vae.decoder.conv_out.weight"], tuned["vae.decoder.conv_out.weight"])
    gone_on = train_transformer._Training(place, Budget(1000, steps=100))
    gone_on.step()
    early, gone_on.run.budget = float(gone_on._tint), Budget(1000, steps=6)
    gone_on.step()
    assert (early, float(gone_on._tint)) == (8, 48), "the mean colour counts more late"
    settle.train(place, Budget(1000, steps=1))
    settle.train(place, Budget(1000, steps=2))
    for before, after, name in (
        (place.weights("transformer"), place.settled("transformer"), "proj_out.weight"),
        (place.weights("vae_tuned"), place.settled("vae"), "vae.decoder.conv_out.weight"),
    ):
        assert not torch.equal(load_file(before)[name], load_file(after)[name]), "settled"
    assert settle.train(place, Budget(1000, steps=2))
    assert "settle: done before, at step 2" in capsys.readouterr().out
    settled = load_file(place.settled("vae"))
    assert torch.equal(first["vae.encoder.conv_in.weight"], settled["vae.encoder.conv_in.weight"])
    check_that_another_transformer_is_settled_anew(place, capsys)
    export.export(place, tmp_path / "starter")
    extent = evaluate.Extent(
        sizes=((96, 64),), names=("unchanged", "mirror"), models=("quantised", "exported")
    )
    evaluate.report(place, tmp_path / "starter", extent)
    once = dataclasses.replace(evaluate.BRIEF, sizes=extent.sizes, names=extent.names)
    evaluate.report(place, tmp_path / "starter", once)

    measured = json.loads((place.folder / "evaluation.json").read_text())
    assert measured["exported"]["96×64, 1 steps"].keys() == measured["exported"]["96×64"].keys()
    assert measured["exported"]["ramps"].keys() == {"unchanged", "mirror"}
    quantised, exported = (measured[label]["96×64"] for label in ("quantised", "exported"))
    assert quantised == pytest.approx(exported, abs=0.2), "what is exported is what was trained"
    folder = tmp_path / "starter"
    schedule = Schedule(folder / "scheduler", 4, 24, torch.device("cpu"))
    model = exported_weights.from_folder(folder, place)
    ours = [1000 * model.sigma(1 - step / 4) for step in range(4)]
    assert [float(each) for each in schedule.timesteps] == pytest.approx(ours), "measured as the app runs it"
    pipeline = LocalPipeline(
        Checkpoint(folder, folder / "transformer" / "starter.gguf"), choose_device("cpu")
    )
    local = find_model("starter").local
    picture = Image.fromarray(procedural.draw(3, 256)).crop((0, 0, 96, 64))
    edited = pipeline.edit(Edit((picture,), "sepia", "", 1, 1.0, 0), local, Silent(), CancelToken())
    assert edited.size == picture.size
    assert np.asarray(edited).std() > 0


@pytest.mark.slow
def test_one_command_runs_every_stage_and_stops_where_one_fails(tmp_path):
    work = tmp_path / "work"
    drawn = [Image.fromarray(procedural.draw(seed, 320)) for seed in (1, 2)]
    for source in pictures.read_manifest():
        (work / "pictures" / source.role).mkdir(parents=True, exist_ok=True)
        for index, picture in enumerate(source.pictures):
            drawn[index % 2].save(work / "pictures" / source.role / pictures.file_name(source, picture))

    def run_all(seed, *more):
        options = f"--toy --device cpu --seed {seed} --steps 2 --sizes 96x64 --names mirror --pictures 2"
        folders = ["--folder", work, "--output", tmp_path / "starter"]
        command = [sys.executable, "-m", "training", "all", *options.split(), *folders, *more]
        done = subprocess.run(
            command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False
        )
        return done, [line.split()[1] for line in done.stdout.splitlines() if line.startswith("all: ")]

    paused, told = run_all(1, "--pause-at", "0")
    assert (paused.returncode, told) == (3, ["prepare"]), paused.stderr
    done, told = run_all(1)
    assert "text: going on at step 0" in done.stdout
    stages = ["prepare", "text", "vae", "transformer", "settle", "export", "evaluate"]
    assert (done.returncode, told) == (0, stages), done.stderr
    measured = json.loads((work / "evaluation.json").read_text())
    assert {label: list(sizes) for label, sizes in measured.items()} == {"exported": ["96×64, 1 steps"]}
    failed, told = run_all(2)
    assert (failed.returncode, told) == (1, ["prepare"])
    assert "begun with --seed 1" in failed.stderr
