"""Secrets in addresses are never shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.masking import MASK, without_password

WORD = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1)
SECRET = st.text(
    st.characters(codec="ascii", min_codepoint=33, exclude_characters="*"), min_size=1
).map(lambda text: f"SECRET{text}SECRET")
SCHEMES = ("", "rtsp://", " rtsp://", "rtsp//", "//", "rtsp+tcp://", "RTSP:/", "rtsp:", "my-1.x://")
KEYS = (
    *("?password", "&pwd", ";password", "x_password", "camera.token", "?p", "&p", ";p", "api_key"),
    *("AUTH", "secret_of_mine"),
)


@given(user=WORD, password=SECRET, host=WORD, path=WORD)
def test_no_password_is_ever_shown(user: str, password: str, host: str, path: str) -> None:
    shown = without_password(f"rtsp://{user}:{password}@{host}/{path}")
    assert shown == f"rtsp://{user}:{MASK}@{host}/{path}"


@given(st.sampled_from(SCHEMES), st.just("") | WORD, SECRET, WORD)
def test_nor_is_one_of_a_mistyped_address(scheme: str, user: str, secret: str, host: str) -> None:
    shown = without_password(f"{scheme}{user}:{secret}@{host}")
    assert "SECRET" not in shown
    assert shown.endswith(f":{MASK}@{host}")


@given(WORD, st.sampled_from(KEYS), SECRET.filter(lambda secret: "&" not in secret), WORD)
def test_nor_is_one_by_its_name(before: str, key: str, secret: str, after: str) -> None:
    shown = without_password(f"{before}{key}={secret}&x={after}")
    assert shown == f"{before}{key}={MASK}&x={after}"


def test_nor_is_one_in_a_query() -> None:
    assert (
        without_password("http://h/v.cgi?user=me&pwd=geheim&size=2&PASSWORD=x&token=y")
        == f"http://h/v.cgi?user=me&pwd={MASK}&size=2&PASSWORD={MASK}&token={MASK}"
    )


@pytest.mark.parametrize(
    "address",
    [
        *("http://h:8080/video", "rtsp://user@h:554/1", "mqtt://h", "/dev/video0", "C:/a.mp4"),
        *("pictures/cat@home.jpg", "http://h/v?step=2&p", "https://h/v?zip=1&size=3", ""),
    ],
)
def test_what_has_none_is_shown_as_it_is(address: str) -> None:
    assert without_password(address) == address


def test_a_file_may_look_like_one() -> None:
    assert without_password("pictures/a:b@c.jpg") == f"pictures/a:{MASK}@c.jpg"
