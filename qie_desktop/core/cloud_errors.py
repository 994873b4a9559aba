"""The errors of the cloud and its costs: a part of the tree in `qie_desktop.core.errors`."""

from __future__ import annotations

from qie_desktop.core.errors import EngineError, NotReady, QieError


class CredentialsRefused(NotReady):
    """The provider does not accept the token."""

    code = "credentials_refused"


class ProviderUnreachable(EngineError):
    """No connection to the provider came about; nothing was sent."""

    code = "provider_unreachable"


class OutcomeUnknown(EngineError):
    """A prediction may have been made, and paid for, but it cannot be found: the person decides."""

    code = "outcome_unknown"


class ProviderError(EngineError):
    """The provider did not come through."""

    code = "provider_failed"


class PaymentRequired(ProviderError):
    """The account at the provider has no credit."""

    code = "payment_required"


class ContentRefused(ProviderError):
    """The provider's safety checker refused the prompt or a picture."""

    code = "content_refused"


class ResultExpired(ProviderError):
    """The provider has deleted the result."""

    code = "result_expired"


class SpendingCapReached(QieError):
    """The job would bring the month's spending above the cap in the settings."""

    code = "spending_cap"
