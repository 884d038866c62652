"""Every refusal that a sandbox can be asked for is one that the provider's own document has."""

import pytest

from relay.core.errors import RelayError
from relay.integrations.quickbooks import sandbox_faults
from relay.integrations.recurly import sandbox as recurly_sandbox
from relay.integrations.zuora import sandbox as zuora_sandbox
from tests.contracts.quickbooks_company import PUBLISHED, Company
from tests.contracts.recurly_site import AMOUNT, Site
from tests.contracts.recurly_site import PUBLISHED as RECURLYS
from tests.contracts.zuora_tenant import PUBLISHED as ZUORAS
from tests.contracts.zuora_tenant import Tenant


@pytest.mark.parametrize("fault", sandbox_faults.REFUSALS)
def test_what_quickbooks_refuses(fault: str) -> None:
    company = Company()
    company.plan(fault)
    with pytest.raises(RelayError):
        company.book("invoice", {"customer": "Acme Ltd", "amount": 10})
    PUBLISHED.check(company.http.talks[-1])


@pytest.mark.parametrize("fault", [*recurly_sandbox.REFUSALS, *recurly_sandbox.CARDS])
def test_what_recurly_refuses(fault: str) -> None:
    site = Site()
    site.fault(fault)
    with pytest.raises(RelayError):
        site.book("purchase", AMOUNT)
    RECURLYS.check(site.http.talks[-1])


@pytest.mark.parametrize("fault", [*zuora_sandbox.REFUSALS])
def test_what_zuora_refuses(fault: str) -> None:
    tenant = Tenant()
    tenant.fault(fault, path="/v1/orders", times=9)
    with pytest.raises(RelayError):
        tenant.book()
    ZUORAS.check(tenant.http.sent("POST", "/v1/orders")[-1])
