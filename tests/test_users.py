import pytest

from pushup_data.errors import BadInputError
from pushup_data.labelstudio import users


@pytest.mark.parametrize(
    ("who", "name", "mail"),
    [
        ("Anna", "Anna", "anna@pushup.local"),
        ("  Anna  Schmidt ", "Anna Schmidt", "anna.schmidt@pushup.local"),
        ("Jörg O'Neil", "Jörg O'Neil", "jorg.o.neil@pushup.local"),
        ("Coach@Example.org", "", "coach@example.org"),
    ],
)
def test_a_name_or_an_address_names_somebody(who, name, mail):
    assert users.address(who) == (name, mail)


@pytest.mark.parametrize(
    ("who", "said"),
    [
        ("???", "gives no mail address"),
        ("anna@", "is no mail address"),
        ("anna@home", "is no mail address"),
        ("a b@example.org", "is no mail address"),
        ("a@simulated.invalid", "simulated for ever"),
    ],
)
def test_who_cannot_be_invited_is_told_why(who, said):
    with pytest.raises(BadInputError, match=said):
        users.address(who)
