"""Every stored record, as plain data: no relationships, no lazy loading, no behaviour of its own.

Records made from outside data come from ``Model.model_validate(...)``: a table class does not validate in its
constructor.  Importing this package registers every table, so that migrations can be compared with the models.
"""

from digest.models.article import Article, Placement, PlacementRole, PlacementState
from digest.models.delivery import OPEN_STATES, Attempt, Delivery, DeliveryState, Lease
from digest.models.edition import Edition, EditionChange, EditionState, Letter
from digest.models.installation import Installation
from digest.models.names import MailingList, Named, Newsletter, RelayName, Source
from digest.models.notice import Notice, NoticeKind, NoticeState
from digest.models.people import (
    ConsentChange,
    Import,
    Origin,
    Stop,
    Subscriber,
    Subscription,
    SubscriptionState,
    Suppression,
    SuppressionReason,
)
from digest.models.source import Collected, Refusal, SourceMark, SourceState

__all__ = [
    "OPEN_STATES",
    "Article",
    "Attempt",
    "Collected",
    "ConsentChange",
    "Delivery",
    "DeliveryState",
    "Edition",
    "EditionChange",
    "EditionState",
    "Import",
    "Installation",
    "Lease",
    "Letter",
    "MailingList",
    "Named",
    "Newsletter",
    "Notice",
    "NoticeKind",
    "NoticeState",
    "Origin",
    "Placement",
    "PlacementRole",
    "PlacementState",
    "Refusal",
    "RelayName",
    "Source",
    "SourceMark",
    "SourceState",
    "Stop",
    "Subscriber",
    "Subscription",
    "SubscriptionState",
    "Suppression",
    "SuppressionReason",
]
