import errno
import mailbox
from pathlib import Path

import pytest

from digest.delivery.outbox import Outbox, OutboxUnwritable, file_name
from digest.delivery.outcome import Envelope, Outcome, Phase, Replied, Reply, Withdrawn
from digest.delivery.single import hand_over

WRITTEN = Replied(Reply(250, "written", None), Phase.CONTENT)


def a_mail(message_id: str = "1@example.com", text: str = "Hej å") -> bytes:
    return f"Subject: Senaste nytt\r\nMessage-ID: <{message_id}>\r\n\r\n{text}\r\n".encode()


async def yes() -> bool:
    return True


async def no() -> bool:
    return False


async def write(folder: Path, *mails: bytes) -> list[Outcome]:
    conversation = await Outbox(folder).connect()
    outcomes = [await hand_over(conversation, Envelope("", "asa@example.net"), mail, yes) for mail in mails]
    await conversation.close()
    assert not conversation.is_open
    return outcomes


def contents(folder: Path) -> list[bytes]:
    return sorted(path.read_bytes() for path in (folder / "new").iterdir())


async def test_each_mail_becomes_a_file_of_the_maildir_as_it_would_go_over_the_wire(tmp_path: Path) -> None:
    mails = [a_mail("1@example.com"), a_mail("2@example.com")]

    assert await write(tmp_path / "out" / "box", *mails) == [WRITTEN, WRITTEN]

    assert contents(tmp_path / "out" / "box") == mails
    assert list((tmp_path / "out" / "box" / "tmp").iterdir()) == []


async def test_other_programs_read_the_maildir(tmp_path: Path) -> None:
    await write(tmp_path / "outbox", a_mail())

    (message,) = mailbox.Maildir(tmp_path / "outbox", create=False)

    assert message["Subject"] == "Senaste nytt"


async def test_mail_written_again_replaces_the_first(tmp_path: Path) -> None:
    await write(tmp_path, a_mail(text="first"))
    await write(tmp_path, a_mail(text="again"))

    assert contents(tmp_path) == [a_mail(text="again")]


async def test_withdrawn_mail_is_not_written(tmp_path: Path) -> None:
    conversation = await Outbox(tmp_path).connect()

    assert await hand_over(conversation, Envelope("", "asa@example.net"), a_mail(), no) == Withdrawn()

    assert conversation.is_open
    assert contents(tmp_path) == []


async def test_mark_that_fails_comes_out_and_nothing_is_written(tmp_path: Path) -> None:
    async def disk_full() -> bool:
        raise OSError(errno.ENOSPC, "disk full")

    conversation = await Outbox(tmp_path).connect()
    with pytest.raises(OSError, match="disk full"):
        await hand_over(conversation, Envelope("", "asa@example.net"), a_mail(), disk_full)

    assert contents(tmp_path) == []


@pytest.mark.parametrize(
    "head",
    [
        b"Message-ID: <a/b:c@example.com>",
        b"message-id:<a/b:c@example.com>",
        b"X: y\r\nMessage-ID:\r\n <a/b:c@example.com>",
        b"X-Message-ID: <other>\r\nMessage-Id: <a/b:c@example.com>\r\nX: y",
    ],
)
def test_name_is_a_function_of_the_message_id_alone(head: bytes) -> None:
    name = file_name(head + b"\r\n\r\nMessage-ID: <in the text>\r\n")

    assert name == file_name(b"Message-ID: <a/b:c@example.com>\r\n\r\nanother text\r\n")
    assert name.removesuffix(".eml").isalnum()


def test_names_of_different_mails_differ() -> None:
    mails = [a_mail("a@b.se"), a_mail("A@b.se"), b"Subject: none\r\n\r\na\r\n", b"Subject: none\r\n\r\nb\r\n"]

    assert len({file_name(mail).lower() for mail in mails}) == len(mails)


async def test_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("a file is in the way")

    with pytest.raises(OutboxUnwritable) as caught:
        await Outbox(tmp_path / "outbox").connect()

    assert str(caught.value).startswith(f"cannot write to the outbox {tmp_path / 'outbox'}: ")
    assert (caught.value.folder, caught.value.exit_code) == (tmp_path / "outbox", 1)


async def test_folder_that_takes_no_mail_is_named_on_one_line(tmp_path: Path) -> None:
    conversation = await Outbox(tmp_path / "outbox").connect()
    (tmp_path / "outbox" / "tmp").rename(tmp_path / "gone")

    with pytest.raises(OutboxUnwritable, match=r"outbox: No such file or directory; free space, ") as caught:
        await hand_over(conversation, Envelope("", "asa@example.net"), a_mail(), yes)

    assert "\n" not in str(caught.value)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
async def test_full_disk_is_told_with_what_to_do(tmp_path: Path) -> None:
    conversation = await Outbox(tmp_path).connect()
    (tmp_path / "tmp" / file_name(a_mail())).symlink_to("/dev/full")

    with pytest.raises(OutboxUnwritable, match="No space left on device; free space, correct its permissions"):
        await hand_over(conversation, Envelope("", "asa@example.net"), a_mail(), yes)

    assert contents(tmp_path) == []
