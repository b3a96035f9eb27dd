"""Labels files become names, a model's output the classes that it believes in."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edged.decoders import classify
from edged.errors import EngineError, ModelError
from edged.types import Classification

ABC = ("a", "b", "c", "d")


def scores(result: Classification) -> dict[str, float]:
    return {entry.label: round(entry.score, 3) for entry in result.labels}


def floats(*values: float) -> npt.NDArray[np.float32]:
    return np.array([values], np.float32)


def test_the_best_come_first_with_their_place_in_the_output() -> None:
    result = classify.decode(floats(0.1, 0.6, 0.05, 0.25), ABC, top=3)
    assert [(entry.label, entry.index) for entry in result.labels] == [("b", 1), ("d", 3), ("a", 0)]
    assert scores(result) == {"b": 0.6, "d": 0.25, "a": 0.1}


def test_quantized_probabilities_are_scaled_and_nothing_more() -> None:
    output = np.array([[0, 192, 64, 0]], np.uint8)
    result = classify.decode(output, ABC, scale=1 / 256, zero_point=0, top=2)
    assert scores(result) == {"b": 0.75, "c": 0.25}
    signed = (output.astype(int) - 128).astype(np.int8)
    assert classify.decode(signed, ABC, scale=1 / 256, zero_point=-128, top=2) == result


def test_quantized_logits_get_a_softmax() -> None:
    output = np.array([[128, 138, 128, 128]], np.uint8)
    result = classify.decode(output, ABC, scale=0.1, zero_point=128, top=1)
    assert scores(result) == {"b": round(np.e / (np.e + 3), 3)}


def test_float_logits_get_a_softmax_and_probabilities_none() -> None:
    expected = {"a": round(np.e / (np.e + 3), 3)}
    assert scores(classify.decode(floats(2, 1, 1, 1), ABC, top=1)) == expected
    assert scores(classify.decode(floats(0, -1, -1, -1), ABC, top=1)) == expected
    assert scores(classify.decode(floats(1, 0, 0, 0), ABC, top=1)) == {"a": 1.0}
    assert scores(classify.decode(floats(1, 0, 0, 0), ABC, top=1, logits=True)) == {"a": 0.475}


def test_sigmoids_are_scores_whatever_their_sum() -> None:
    assert scores(classify.decode(floats(0.9, 0.8, 0.1, 0), ABC, top=2)) == {"a": 0.9, "b": 0.8}
    assert scores(classify.decode(floats(0.1, 0, 0, 0.2), ABC, top=1)) == {"d": 0.2}


def test_huge_logits_do_not_overflow() -> None:
    result = classify.decode(floats(-3e38, 3e38, 0, 0), ABC, top=2)
    assert scores(result)["b"] == 1.0


def test_a_result_below_the_confidence_says_so_and_still_tells() -> None:
    sure = classify.decode(floats(0.1, 0.6, 0.2, 0.1), ABC, confidence=0.5)
    unsure = classify.decode(floats(0.3, 0.4, 0.2, 0.1), ABC, confidence=0.5)
    assert sure.confident
    assert not unsure.confident
    assert [entry.label for entry in unsure.labels] == ["b", "a", "c"]


def test_alternatives_below_the_threshold_are_left_out_but_never_the_best() -> None:
    output = floats(0.3, 0.4, 0.2, 0.1)
    assert list(scores(classify.decode(output, ABC, min_score=0.25))) == ["b", "a"]
    assert list(scores(classify.decode(output, ABC, min_score=0.9))) == ["b"]


def test_equals_come_in_the_order_of_the_output() -> None:
    result = classify.decode(floats(0.0, 0.5, 0.0, 0.5), ABC, top=3)
    assert [entry.index for entry in result.labels] == [1, 3, 0]


@given(hnp.arrays(np.uint8, st.integers(2, 400)), st.integers(1, 500))
def test_the_top_is_what_sorting_everything_gives(output: npt.NDArray[np.uint8], top: int) -> None:
    labels = classify.numbered_labels(len(output))
    result = classify.decode(output[None], labels, scale=1 / 256, top=top)
    expected = sorted(range(len(output)), key=lambda i: (-int(output[i]), i))[:top]
    assert [entry.index for entry in result.labels] == expected


@given(
    hnp.arrays(np.float32, 7, elements=st.floats(allow_nan=False, allow_infinity=False, width=32))
)
def test_every_score_is_between_0_and_1(output: npt.NDArray[Any]) -> None:
    result = classify.decode(output, classify.numbered_labels(7), top=7)
    assert all(0.0 <= entry.score <= 1.0 for entry in result.labels)


def test_not_finite_is_no_answer() -> None:
    with pytest.raises(EngineError, match="not finite"):
        classify.decode(floats(0, np.nan, 0, 0), ABC)


def test_labels_of_another_count_are_refused() -> None:
    with pytest.raises(ModelError, match="4 classes for 3 labels"):
        classify.decode(floats(1, 0, 0, 0), ABC[:3])


@pytest.mark.parametrize(
    "text",
    [
        "cat\nDog\nred fox\n",
        "\ufeffcat\r\nDog\r\nred fox\r\n\r\n",
        "  cat \n\nDog\n \nred   fox",
        "0 cat\n1 Dog\n2 red fox\n",
        "0: cat\n1: Dog\n2: red fox\n",
        "1\tcat\n2\tDog\n3\tred fox\n",
        "10,cat\n20,Dog\n30,red fox\n",
        "n02123045 cat\nn02123046 Dog\nn02123047 red fox\n",
    ],
)
def test_labels_are_cleaned_and_keep_their_case(text: str) -> None:
    assert classify.fit_labels(text, 3, "labels.txt") == ("cat", "Dog", "red fox")


def test_numbers_that_belong_to_labels_stay() -> None:
    assert classify.fit_labels("2 door car\ntruck\n", 2, "x") == ("2 door car", "truck")
    assert classify.fit_labels("7 dwarfs\n3 pigs\n", 2, "x") == ("7 dwarfs", "3 pigs")


def test_numbers_with_gaps_say_which_class_they_name() -> None:
    named = classify.fit_labels("0 person\n3 car\n", 5, "x")
    assert named == ("person", "class 1", "class 2", "car", "class 4")


def test_blank_lines_count_when_the_classes_say_so() -> None:
    assert classify.fit_labels("cat\n\ndog\n", 3, "x") == ("cat", "class 1", "dog")


THOUSAND = [f"thing {'x' * (i % 7)}{i}" for i in range(1000)]


def test_a_background_class_that_only_the_file_has_is_left_out() -> None:
    assert classify.fit_labels("\n".join(["background", *THOUSAND]), 1000, "x") == tuple(THOUSAND)


def test_a_background_class_that_only_the_model_has_is_added() -> None:
    named = classify.fit_labels("\n".join(THOUSAND), 1001, "x")
    assert named == ("background", *THOUSAND)


@pytest.mark.parametrize(("labels", "classes"), [(4, 5), (6, 5), (1001, 1000), (90, 1001)])
def test_any_other_count_is_refused_with_both(labels: int, classes: int) -> None:
    text = "\n".join(f"thing{i}" for i in range(labels))
    with pytest.raises(ModelError, match=f"my.txt has {labels} labels, the model {classes} clas"):
        classify.fit_labels(text, classes, "my.txt")


@given(st.text(), st.integers(2, 20))
def test_any_text_gives_all_labels_or_a_clear_error(text: str, count: int) -> None:
    try:
        named = classify.fit_labels(text, count, "x")
    except ModelError:
        return
    assert len(named) == count
    assert all(name.strip() for name in named)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("TABBY CAT\nDOG", ("tabby cat", "dog")),
        ("1 TABBY\n2 DOG", ("tabby", "dog")),
        ("Tabby Cat\nDOG", ("Tabby Cat", "DOG")),
        ("A\nB", ("A", "B")),
        ("USB\nHDMI", ("USB", "HDMI")),
    ],
)
def test_a_file_all_in_capitals_is_told_in_lower_case(text: str, names: tuple[str, ...]) -> None:
    assert classify.fit_labels(text, 2, "labels.txt") == names
