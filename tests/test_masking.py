"""Secrets in addresses are never shown."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edged.masking import MASK, without_password

WORD = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1)
SECRET = st.text(
    st.characters(codec="ascii", min_codepoint=33, exclude_characters="*"), min_size=1
).map(lambda text: f"SECRET{text}SECRET")


@given(user=WORD, password=SECRET, host=WORD, path=WORD)
def test_no_password_is_ever_shown(user: str, password: str, host: str, path: str) -> None:
    shown = without_password(f"rtsp://{user}:{password}@{host}/{path}")
    assert shown == f"rtsp://{user}:{MASK}@{host}/{path}"


def test_nor_is_one_in_a_query() -> None:
    assert (
        without_password("http://h/v.cgi?user=me&pwd=geheim&size=2&PASSWORD=x&token=y")
        == f"http://h/v.cgi?user=me&pwd={MASK}&size=2&PASSWORD={MASK}&token={MASK}"
    )
    assert without_password("http://h:8080/video") == "http://h:8080/video"
    assert without_password("pictures/a:b@c.jpg") == "pictures/a:b@c.jpg"
