"""Pictures of the real dashboard for the pages in docs/: `python -m tests.browser.pictures`."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Page, sync_playwright

from relay import first
from tests import stores
from tests.scenarios.house import House, open_house

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
SIZE = {"width": 1280, "height": 800}
FORM = {"email": "kim@acme.example", "name": "Kim Lee", "company": "Acme Ltd"}


def main() -> None:
    """Writes every picture in both themes."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    alone = ["--no-sandbox"] if os.getuid() == 0 else []
    with TemporaryDirectory() as folder:
        path = Path(folder)
        with (
            stores.SQLite(path).database(path, tables=True) as url,
            open_house(url, path) as house,
            sync_playwright() as playwright,
        ):
            _story(house)
            browser = playwright.chromium.launch(executable_path=stores.chromium(), args=alone)
            for theme in ("light", "dark"):
                page = browser.new_page(base_url=house.base_url, color_scheme=theme, viewport=SIZE)
                _sign_in(page, house)
                for name, address in _pages(house).items():
                    page.goto(address)
                    page.screenshot(path=FOLDER / f"{name}-{theme}.png")
            browser.close()


def _story(house: House) -> None:
    """A form, three deals won, one of them twice, one paid, one without an amount."""
    house.post("website", data=FORM)
    house.settle()
    for in_list, name, status in (
        ("Deals", "Northwind onboarding", "Deal Won"),
        ("Deals", "Larkspur annual plan", "Deal Won"),
        ("Enterprise Deals", "Granite rollout", "Deal Won"),
        ("Deals", "Granite workshop", "Deal Won"),
        ("Deals", "Northwind onboarding", "Deal Lost"),
        ("Deals", "Northwind onboarding", "Deal Won"),
    ):
        house.set(in_list, name, "Status", status)
        house.settle()
    house.pay("recurly", house.books("recurly")[0].id)
    house.settle()


def _sign_in(page: Page, house: House) -> None:
    page.goto("/login")
    page.fill("[name=email]", first.EMAIL)
    page.fill("[name=password]", house.made.password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", level=1).wait_for()


def _pages(house: House) -> dict[str, str]:
    run = house.runs("deal-won-receipt")[0]
    return {
        "overview": "/",
        "events": "/events",
        "run": f"/runs/run_{run.id}",
        "grid": f"/lists/{house.its_list('Deals')['id']}",
        "rules": "/rules",
        "bookings": "/bookings",
        "source": "/sources/website",
    }


if __name__ == "__main__":
    main()
