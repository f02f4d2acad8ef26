"""Annotators: plain members of the organisation, with a mail address and a password of their own.

An account is made as a person would make it, by the organisation's invite link: accounts made through
`POST /api/users` cannot log in (Label Studio 1.23.2), and those of `label-studio init` are superusers.
"""

import re
import secrets
import subprocess
import unicodedata
from types import TracebackType

import httpx

from pushup_data.errors import BadInputError, ServerError
from pushup_data.labelstudio import server
from pushup_data.labelstudio.client import Client
from pushup_data.labelstudio.server import Access
from pushup_data.ledger import SIMULATED_DOMAIN
from pushup_data.params import LabelStudio
from pushup_data.workspace import Workspace

_DOMAIN = "pushup.local"  # of people who are invited by name; Label Studio sends no mail
_SIGNUP, _LOGIN = "/user/signup/", "/user/login/"


def invite(workspace: Workspace, settings: LabelStudio, who: str, *, new_password: bool = False) -> str:
    """Make an account for a person, given by name or mail address; say how to log in.

    `new_password` replaces the password of an account that is there, on the local server.
    """
    name, mail = address(who)
    access = server.access(workspace, settings)
    password = secrets.token_urlsafe(9)
    if new_password:
        _reset(workspace, access, mail, password)
    else:
        with Client(access) as admin, _Session(access.url) as session:
            if not session.sign_up(admin.invitation(), mail, password):
                hint = "for a new password add --new-password" if access.local else "use another address"
                raise BadInputError(f"{mail} has an account at {access.url} already; {hint}")
            session.call_oneself(name)
    return f"log in at {access.url} as {mail} with password {password} (it is not shown again)"


def member(access: Access, mail: str, password: str) -> Access:
    """Return the access of a member with this password, who is made where there is none."""
    with Client(access) as admin, _Session(access.url) as session:
        if not session.log_in(mail, password) and not session.sign_up(admin.invitation(), mail, password):
            raise ServerError(f"{mail} has an account at {access.url} with another password; delete it there")
        return Access(access.url, session.token(), access.identity, access.local)


def address(who: str) -> tuple[str, str]:
    """Return name and mail address of "Anna Schmidt" or anna@example.org. Raises BadInputError."""
    who = " ".join(who.split())
    if "@" not in who:
        plain = unicodedata.normalize("NFKD", who).encode("ascii", "ignore").decode().lower()
        local = re.sub(r"[^a-z0-9]+", ".", plain).strip(".")
        if not local:
            raise BadInputError(f"{who!r} gives no mail address; name one, such as anna@{_DOMAIN}")
        return who, f"{local}@{_DOMAIN}"
    mail = who.lower()
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s.]+", mail):
        raise BadInputError(f"{who!r} is no mail address; write one such as anna@example.org, or a name")
    if mail.endswith(f"@{SIMULATED_DOMAIN}"):
        raise BadInputError(f"labels from {mail} would count as simulated for ever; choose another address")
    return "", mail


class _Session:
    """A browser's session: Label Studio has no other way to become somebody by password."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=60, headers={"Referer": url})

    def __enter__(self) -> "_Session":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def sign_up(self, invitation: str, mail: str, password: str) -> bool:
        """Make the account and be logged in; False where the address is taken."""
        answer = self._fill_in(_SIGNUP, {"email": mail, "password": password}, {"token": invitation})
        if answer.is_redirect:
            return True
        if "already exists" in answer.text:
            return False
        raise ServerError(f"{answer.url.host} does not take {mail} as a member (status {answer.status_code})")

    def log_in(self, mail: str, password: str) -> bool:
        """Return whether address and password were right."""
        return self._fill_in(_LOGIN, {"email": mail, "password": password}, {}).is_redirect

    def call_oneself(self, name: str) -> None:
        """Set the name that others see."""
        if not name:
            return
        first, _, last = name.partition(" ")
        number = self._asked("GET", "/api/current-user/whoami").json()["id"]
        self._asked("PATCH", f"/api/users/{number}/", {"first_name": first, "last_name": last})

    def token(self) -> str:
        """Return the token to use the API with."""
        return str(self._asked("GET", "/api/current-user/token").json()["token"])

    def _fill_in(self, path: str, form: dict[str, str], query: dict[str, str]) -> httpx.Response:
        self._asked("GET", path)  # gives the cookie
        form = {**form, "csrfmiddlewaretoken": self._proof()}
        return self._asked("POST", path, form=form, query=query)

    def _proof(self) -> str:
        return self._http.cookies.get("csrftoken") or ""

    def _asked(
        self,
        method: str,
        path: str,
        body: dict[str, str] | None = None,
        *,
        form: dict[str, str] | None = None,
        query: dict[str, str] | None = None,
    ) -> httpx.Response:
        header = {"X-CSRFToken": self._proof()}
        try:
            answer = self._http.request(method, path, json=body, data=form, params=query, headers=header)
        except httpx.TransportError as e:
            raise ServerError(
                f"Label Studio at {self._http.base_url} does not answer ({type(e).__name__}); is it running?"
            ) from None
        if answer.is_success or answer.is_redirect:
            return answer
        raise ServerError(f"Label Studio answered {answer.status_code} to {method} {path}")


def _reset(workspace: Workspace, access: Access, mail: str, password: str) -> None:
    if not access.local:
        raise ServerError(f"{access.url} is not ours to change passwords on; do it there")
    # With "=": a password may begin with "-", which would be read as an option.
    made = subprocess.run(
        [
            str(workspace.labelstudio_program()),
            "reset_password",
            f"--username={mail}",
            f"--password={password}",
        ],
        env=server.environment(workspace),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if "successfully" not in made.stdout:
        last = (made.stdout or made.stderr).strip().splitlines()[-1:]
        raise BadInputError(f"no new password for {mail}: {' '.join(last)}; invite them first")
