"""Which Label Studio the environment names."""

import pytest

from pushup_data.errors import BadInputError
from pushup_data.labelstudio import server


def named(monkeypatch, url, key):
    monkeypatch.setenv(server.URL_VARIABLE, url)
    monkeypatch.setenv(server.KEY_VARIABLE, key)
    return server.elsewhere()


def test_a_server_elsewhere_is_known_by_its_address(monkeypatch):
    access = named(monkeypatch, "https://labels.example.org:8443/", "abc.d-e_f")
    assert (access.url, access.identity, access.local) == (
        ("https://labels.example.org:8443",) * 2 + (False,)
    )


@pytest.mark.parametrize(
    ("url", "key", "said"),
    [
        ("http://localhost:80a80", "k", "http://localhost:80a80 is no address; set one"),
        ("http://localhost:80808", "k", "http://localhost:80808 is no address; set one"),
        ("http://[::1", "k", "is no address; set one"),
        ("localhost:8080", "k", "must start with http"),
        ("http://localhost:8080", "schlüssel", "copy it anew from http://localhost:8080"),
        ("http://localhost:8080", "two words", "LABEL_STUDIO_API_KEY holds what no key does"),
        ("http://localhost:8080", "", "belong together"),
    ],
)
def test_what_names_no_server_says_what_to_set(monkeypatch, url, key, said):
    with pytest.raises(BadInputError) as raised:
        named(monkeypatch, url, key)
    assert said in str(raised.value)
    assert not key.strip("k") or key not in str(raised.value)  # it is a secret
