"""The records' tables, for SQL in terms of columns; what leaves the store is records, values and column tuples."""

from sqlalchemy import Table
from sqlmodel import SQLModel

from digest import models


def table(record: type[SQLModel]) -> Table:
    """Return the table of a record's class."""
    return SQLModel.metadata.tables[str(record.__tablename__)]


ARTICLE = table(models.Article)
ATTEMPT = table(models.Attempt)
COLLECTED = table(models.Collected)
CONSENT_CHANGE = table(models.ConsentChange)
DELIVERY = table(models.Delivery)
EDITION = table(models.Edition)
EDITION_CHANGE = table(models.EditionChange)
IMPORT = table(models.Import)
INSTALLATION = table(models.Installation)
LEASE = table(models.Lease)
LETTER = table(models.Letter)
MAILING_LIST = table(models.MailingList)
NEWSLETTER = table(models.Newsletter)
NOTICE = table(models.Notice)
PLACEMENT = table(models.Placement)
REFUSAL = table(models.Refusal)
RELAY = table(models.RelayName)
SOURCE = table(models.Source)
SOURCE_MARK = table(models.SourceMark)
SOURCE_STATE = table(models.SourceState)
STOP = table(models.Stop)
SUBSCRIBER = table(models.Subscriber)
SUBSCRIPTION = table(models.Subscription)
SUPPRESSION = table(models.Suppression)
