"""The command line connects an organization to a CRM elsewhere."""

from tests.cli.shell import Shell
from tests.standin.crm import DEALS, KEY, SECRET
from tests.standin.server import stand_in


def test_a_crm_elsewhere_is_chosen_watched_and_let_go(shell: Shell) -> None:
    """T2: key and secret come from standard input, and stand nowhere."""
    add = ("connection", "add", "salesforceiq", "--name", "crm", "--url")
    with stand_in() as (crm, url):
        crm.item(DEALS, "Onboarding")
        given = f"{KEY}\n{SECRET}\n"
        made = shell.document(*add, url, "--setting", "poll_seconds=60", given=given)
        assert (made["base_url"], made["is_sandbox"]) == (url, False)
        assert SECRET not in shell.read("connection", "list")
        assert "2 lists: Deals, Leads" in shell.read("connection", "test", "crm")
        shell.house.settle()
        shown = shell.document("connection", "show", "crm")
        assert shown["watch"]["lists"][0]["items"] == 1
        assert shown["watch"]["poll_seconds"] == 60
        assert "Deals: 1 items, seen to" in shell.read("connection", "show", "crm")
        again = shell.relay(*add, url, given=given)
        assert "the organization's CRM is crm already" in again.stderr
        wrong = ("connection", "set", "crm", "--setting", "watch_share=101")
        assert "a whole number from 1 to 100" in shell.refused(*wrong)
        shell.read("connection", "remove", "crm")
    blocked = shell.relay(*add, "http://10.0.0.1/v2", given=given)
    assert (blocked.exit_code, "Blocked target" in blocked.stderr) == (1, True)
