"""A browser before Label Studio."""

import json

from playwright.sync_api import Browser, Page

from pushup_data.labelstudio import server
from pushup_data.workspace import Workspace


def stream(browser: Browser, workspace: Workspace, number: int) -> Page:
    """Return the label stream of a project, as its annotators see it on a small laptop."""
    state = json.loads((workspace.labelstudio / "server.json").read_text())
    page = browser.new_context(viewport={"width": 1366, "height": 768}).new_page()
    url = server.address(workspace)
    page.goto(f"{url}/user/login/")
    page.fill("[name=email]", state["email"])
    page.fill("[name=password]", state["password"])
    page.click("button[type=submit]")
    page.wait_for_load_state()
    page.goto(f"{url}/projects/{number}/data?labeling=1")
    return page
