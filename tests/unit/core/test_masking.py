"""No secret is left in a text, however it was escaped or encoded; what holds none is left as it is."""

from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.masking import MASK, NO_SECRETS, SecretMask

SECRETS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=8, max_size=40).filter(
    lambda text: len(text.strip()) >= 8 and text not in MASK
)
WRITTEN = {
    "plain": str,
    "JSON": json.dumps,
    "JSON, not ASCII": lambda secret: json.dumps(secret, ensure_ascii=False),
    "JSON in JSON": lambda secret: json.dumps(json.dumps(secret)),
    "repr": repr,
    "ascii": ascii,
    "repr of bytes": lambda secret: repr(secret.encode()),
    "URL": lambda secret: quote(secret, safe=""),
    "URL, slashes kept": quote,
    "form": quote_plus,
    "HTML": html.escape,
    "hexadecimal": lambda secret: secret.encode().hex(),
    "read as Latin-1": lambda secret: secret.encode().decode("latin-1"),
}


@pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN)
@given(SECRETS, st.sampled_from(("", "401: ", "x=")))
def test_it_is_masked_however_it_is_written(written: object, secret: str, before: str) -> None:
    assert callable(written)
    text = f"{before}{written(secret)} end"
    masked = SecretMask([secret]).text(text)
    assert MASK in masked
    assert secret not in masked
    assert written(secret) not in masked


@given(SECRETS.filter(lambda secret: len(secret.encode()) >= 8), st.binary(max_size=8), st.binary(max_size=8))
def test_base64_of_a_longer_text_is_masked(secret: str, before: bytes, after: bytes) -> None:
    text = base64.b64encode(before + secret.encode() + after).decode()
    masked = SecretMask([secret]).text(f"Authorization: Basic {text}")
    assert MASK in masked
    kept = masked.removeprefix("Authorization: Basic ").replace(MASK, "")
    assert len(kept) <= len(text) - (8 * len(secret.encode()) // 6 - 2)


@given(
    SECRETS,
    st.recursive(st.integers() | st.text(max_size=5), lambda x: st.lists(x) | st.dictionaries(st.text(), x)),
)
def test_json_stays_json_and_all_else_stays(secret: str, data: object) -> None:
    mask = SecretMask([secret])
    clean = json.dumps(data).encode()
    assert mask.json(clean) == clean or mask.occurs_in(clean)
    leaky = json.dumps({"error": f"denied for {secret}", "data": data, secret: 1}).encode()
    found = json.loads(mask.json(leaky))
    assert found["error"] == f"denied for {MASK}"
    assert MASK in found


def test_a_number_that_is_a_secret_leaves_numbers_alone() -> None:
    encoded = b'{"equity":12345678,"error":"key 12345678"}'
    assert json.loads(SecretMask(["12345678"]).json(encoded)) == {"equity": 12345678, "error": f"key {MASK}"}


@pytest.mark.parametrize("blank", ["", " ", "\t\n"])
def test_a_blank_secret_masks_nothing(blank: str) -> None:
    assert SecretMask([blank]).text("a b\tc\n") == "a b\tc\n"


def test_the_longer_of_two_goes_first_and_data_is_kept_as_it_is() -> None:
    mask = SecretMask(["correct horse", "correct horse battery"])
    assert mask.text("correct horse battery") == MASK
    data = {"a": [1, "b", ("c",)], "n": None}
    assert mask.value(data) is data
    assert NO_SECRETS.value(data) is data
    assert mask.value({"a": ("correct horse",)}) == {"a": (MASK,)}
