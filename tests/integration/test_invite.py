"""People who are invited, as they come aboard: in a real browser, on a real server."""

import json
import re

import pytest

from pushup_data import ledger
from pushup_data.errors import BadInputError
from pushup_data.labelstudio import server, users
from pushup_data.labelstudio.client import Client
from pushup_data.stages import pull, push
from tests import labelling

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

SAID = re.compile(r"log in at (\S+) as (\S+) with password (\S+)")


def test_an_invited_coach_logs_in_and_annotates(served, project, default_taxonomy, browser, tmp_path):
    labelling.fill(served, default_taxonomy, 2)
    push.run(served, project)
    number = json.loads(served.receipt.read_text())["project"]
    url, mail, password = SAID.match(users.invite(served, project.labelstudio, "Zoë Weiß-Kühn")).groups()
    assert mail == "zoe.wei.kuhn@pushup.local"

    context = browser.new_context(viewport={"width": 1366, "height": 768})
    page = context.new_page()
    page.goto(url)
    page.fill("[name=email]", mail)
    page.fill("[name=password]", password)
    page.click("button[type=submit]")
    page.wait_for_selector("text=Recent Projects")
    page.goto(f"{url}/projects/{number}/data?labeling=1")
    page.wait_for_selector("text=What is wrong?")
    page.keyboard.press("3")
    page.screenshot(path=tmp_path / "coach.png")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("text=Hips sagging: hips low")  # the next task
    context.close()

    pull.run(served, project)
    (said,) = ledger.read(served.annotations)
    assert (said.annotator, said.simulated, said.answer["shallow_depth"]) == (mail, False, "present")


def test_a_member_is_no_superuser_and_has_a_name(served, project):
    url, mail, password = SAID.match(users.invite(served, project.labelstudio, "Ida Berg")).groups()
    access = users.member(server.access(served, project.labelstudio), mail, password)
    with Client(access) as client:
        me = client._http.get("/api/current-user/whoami").json()
        assert (me["first_name"], me["last_name"], me["active_organization"]) == ("Ida", "Berg", 1)
        assert client._http.get("/admin/").status_code != 200  # Django's own pages are for superusers
    assert access.url == url


def test_a_second_invitation_is_refused_and_a_new_password_replaces_the_old(served, project, monkeypatch):
    settings = project.labelstudio
    _, mail, old = SAID.match(users.invite(served, settings, "coach@example.org")).groups()
    with pytest.raises(BadInputError, match="--new-password"):
        users.invite(served, settings, "coach@example.org")
    monkeypatch.setattr(users.secrets, "token_urlsafe", lambda _: "-begins-like-an-option")
    _, _, new = SAID.match(users.invite(served, settings, "coach@example.org", new_password=True)).groups()
    url = server.access(served, settings).url
    with users._Session(url) as first, users._Session(url) as second:
        assert not first.log_in(mail, old)
        assert second.log_in(mail, new)
    with pytest.raises(BadInputError, match="invite them first"):
        users.invite(served, settings, "nobody@example.org", new_password=True)
