"""What people write: every operation has words, and what is examined is never trained."""

import random

from qie_desktop.core.catalogue import find_model
from training import wordings
from training.instructions import NAMES, Instruction, Step, Strength


def test_every_operation_has_words_in_both_languages():
    assert tuple(wordings.words()) == NAMES[1:]
    assert all(len(each.phrases) > 5 and len(each.chinese) > 4 for each in wordings.words().values())


def test_what_is_held_out_is_not_among_what_is_drawn():
    held_out = {
        prompt.lower() for chinese in (False, True) for prompt, _ in wordings.examination(chinese=chinese)
    }
    said = {
        phrase.lower()
        for each in wordings.words().values()
        for phrase in (*each.phrases, *each.names, *each.chinese)
    }

    assert len(held_out) > 250
    assert not held_out & said


def test_the_same_seed_draws_the_same_prompts():
    first, second = ([wordings.draw(random.Random(seed)) for seed in range(50)] for _ in range(2))

    assert first == second


def test_no_prompt_is_longer_than_the_model_is_trained_for():
    rng = random.Random(3)

    assert all(len(wordings.draw(rng)[0].encode()) <= wordings.MAX_BYTES for _ in range(2000))


def test_a_strength_is_said():
    rng = random.Random(0)
    slight = Instruction((Step("warmer", Strength.SLIGHT),))
    plain = Instruction((Step("warmer"),))

    assert (
        len(
            {wordings.write(slight, rng).lower() for _ in range(100)}
            & {wordings.write(plain, rng).lower() for _ in range(100)}
        )
        < 5
    )


def test_whatever_the_grammar_puts_together_is_never_what_is_examined():
    rng = random.Random(7)
    examined = {
        prompt.lower().strip(" .!?。\uff01")
        for chinese in (False, True)
        for prompt, _ in wordings.examination(chinese=chinese)
    }
    night = Instruction((Step("night"),))

    drawn = [wordings.write(night, rng) for _ in range(6000)] + [wordings.draw(rng)[0] for _ in range(6000)]

    assert not examined & {prompt.lower().strip(" .!?。\uff01") for prompt in drawn}


def test_what_the_app_says_that_the_starter_understands_is_what_its_weights_were_taught():
    said = find_model("starter").understands

    assert len(said) == len(NAMES)
    assert said[0] in wordings.lists()["unchanged"]
    assert all(
        wording in wordings.words()[name].phrases for wording, name in zip(said[1:], NAMES[1:], strict=True)
    )
