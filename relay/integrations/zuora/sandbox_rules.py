"""What the sandbox tenant sells, which names it knows, and how it says no.

The names are those of Zuora's own models: an unknown one is refused (error category 21), as is a
`zipCode` in an order or a `postalCode` in a new account.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from relay.core import exact_json
from relay.core.facts import a_map, a_text
from relay.integration import SandboxRequest

BAD_VALUE = 53100320
UNKNOWN_NAME = 53100021
MISSING = 53100022
BAD_JSON = 53100090
TAKEN = 53100030
NOT_FOUND = 50000040

LONGEST_ORDER_NUMBER = 100
LONGEST_ACCOUNT_NUMBER = 50
OWN_PREFIX = "A0"

Json = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Plan:
    id: str
    name: str
    price: Decimal


PLANS: Mapping[str, Plan] = {
    "PRP-00000001": Plan(
        "8ad081c68b1d0001018b1e0000000001", "Enterprise platform, yearly", Decimal("24000.00")
    ),
    "PRP-00000002": Plan(
        "8ad081c68b1d0001018b1e0000000002", "Premium support, yearly", Decimal("6000.00")
    ),
}

NAMES: Mapping[str, frozenset[str]] = {
    "CreateOrderRequest": frozenset(
        [
            "category",
            "customFields",
            "description",
            "existingAccountNumber",
            "newAccount",
            "orderDate",
            "orderLineItems",
            "orderNumber",
            "processingOptions",
            "reasonCode",
            "schedulingOptions",
            "status",
            "subscriptions",
            "commitments",
        ]
    ),
    "OrderCreateAccount": frozenset(
        [
            "accountNumber",
            "associateCommitmentNumber",
            "additionalEmailAddresses",
            "allowInvoiceEdit",
            "autoPay",
            "batch",
            "billCycleDay",
            "billToContact",
            "communicationProfileId",
            "creditCard",
            "creditMemoTemplateId",
            "crmId",
            "currency",
            "customFields",
            "customerServiceRepName",
            "debitMemoTemplateId",
            "hpmCreditCardPaymentMethodId",
            "invoiceDeliveryPrefsEmail",
            "invoiceDeliveryPrefsPrint",
            "invoiceTemplateId",
            "name",
            "notes",
            "parentId",
            "partnerAccount",
            "paymentGateway",
            "paymentMethod",
            "paymentTerm",
            "purchaseOrderNumber",
            "salesRep",
            "sequenceSetId",
            "soldToContact",
            "soldToSameAsBillTo",
            "shipToContact",
            "shipToSameAsBillTo",
            "taxInfo",
        ]
    ),
    "OrderCreateAccountContact": frozenset(
        [
            "address1",
            "address2",
            "city",
            "contactDescription",
            "country",
            "county",
            "fax",
            "firstName",
            "homePhone",
            "lastName",
            "mobilePhone",
            "nickname",
            "otherPhone",
            "otherPhoneType",
            "personalEmail",
            "postalCode",
            "state",
            "taxRegion",
            "workEmail",
            "workPhone",
        ]
    ),
    "CreateAccountContact": frozenset(
        [
            "address1",
            "address2",
            "city",
            "country",
            "county",
            "fax",
            "firstName",
            "homePhone",
            "lastName",
            "mobilePhone",
            "nickname",
            "otherPhone",
            "otherPhoneType",
            "personalEmail",
            "state",
            "taxRegion",
            "workEmail",
            "workPhone",
            "zipCode",
            "contactDescription",
        ]
    ),
    "CreateOrderSubscription": frozenset(
        [
            "customFields",
            "clearingCustomFields",
            "orderActions",
            "quote",
            "ramp",
            "notes",
            "subscriptionNumber",
        ]
    ),
    "CreateOrderAction": frozenset(
        [
            "createSubscription",
            "addProduct",
            "updateProduct",
            "changePlan",
            "ownerTransfer",
            "removeProduct",
            "renewSubscription",
            "cancelSubscription",
            "resume",
            "suspend",
            "termsAndConditions",
            "changeReason",
            "triggerDates",
            "type",
            "customFields",
        ]
    ),
    "OrderActionCreateSubscriptionTerms": frozenset(
        ["autoRenew", "initialTerm", "renewalSetting", "renewalTerms"]
    ),
}

_CUSTOM = re.compile(r".*__(c|C|NS)")


class Refused(Exception):
    """The tenant's no. It comes with status 200 unless something before the API said it."""

    def __init__(self, code: int, message: str, *, status: int = 200) -> None:
        super().__init__(message)
        self.status = status
        self.document: Json = {
            "success": False,
            "processId": "5A1B2C3D4E5F6071",
            "reasons": [{"code": code, "message": message}],
        }


def body(request: SandboxRequest) -> Json:
    try:
        given = exact_json.loads(request.body)
    except ValueError:
        given = None
    if not isinstance(given, Mapping):
        raise Refused(BAD_JSON, "The request body is not a valid JSON object.")
    return given


def known(given: Json, shape: str, place: str) -> None:
    """Refuses the first name that the shape does not have."""
    for name in given:
        if name not in NAMES[shape] and not _CUSTOM.fullmatch(name):
            raise Refused(UNKNOWN_NAME, f"Error - unrecognised fields: {place}{name}")


def needed(given: Json, names: Sequence[str], place: str) -> None:
    for name in names:
        if given.get(name) in (None, "", [], {}):
            raise Refused(MISSING, f"'{place}{name}' may not be empty")


def day(value: object, place: str) -> str:
    try:
        return date.fromisoformat(str(value)).isoformat()
    except ValueError:
        raise Refused(BAD_VALUE, f"'{place}' value should be in format YYYY-MM-DD") from None


def account_number(value: object) -> str | None:
    number = a_text(value)
    if number and len(number) > LONGEST_ACCOUNT_NUMBER:
        raise Refused(BAD_VALUE, "'accountNumber' is longer than 50 characters")
    if number and number.startswith(OWN_PREFIX):
        raise Refused(BAD_VALUE, "'accountNumber' must not begin with the tenant's own prefix")
    return number


def new_account(given: Json, shape: str, place: str) -> None:
    """An account's details; a contact's names differ between the two ways of making one."""
    needed(given, ("name", "currency", "billToContact", "billCycleDay"), place)
    currency = a_text(given["currency"]) or ""
    if not re.fullmatch(r"[A-Z]{3}", currency):
        raise Refused(BAD_VALUE, f"'{place}currency' is not an active currency of the tenant")
    if given.get("autoPay") is True:
        raise Refused(BAD_VALUE, f"'{place}autoPay' needs a payment method")
    contact = a_map(given["billToContact"])
    known(contact, shape, f"{place}billToContact.")
    needed(contact, ("firstName", "lastName"), f"{place}billToContact.")


def plans(given: Json, place: str) -> list[Plan]:
    """The rate plans that an action subscribes to."""
    wanted = given.get("subscribeToRatePlans")
    if not isinstance(wanted, list) or not wanted:
        raise Refused(MISSING, f"'{place}subscribeToRatePlans' may not be empty")
    return [_plan(a_map(each), place) for each in wanted]


def _plan(given: Json, place: str) -> Plan:
    number, id = a_text(given.get("productRatePlanNumber")), a_text(given.get("productRatePlanId"))
    for each, plan in PLANS.items():
        if each == number or (id is not None and plan.id == id):
            return plan
    raise Refused(NOT_FOUND, f"Cannot find ProductRatePlan '{number or id}' of {place}")
