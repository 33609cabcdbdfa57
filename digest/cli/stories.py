"""How the desk shows that articles tell the same story."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from digest.delivery.same import Sharing


def story_json(story: "Sharing", sources: Mapping[int, str]) -> dict[str, Any]:
    """Return a story as ``articles show --json`` has it; ``sources`` are their names."""
    return {
        "newsletter": story.newsletter,
        "edition": story.edition,
        "shown": story.shown,
        "rule": story.why.value,
        "why": f"it {story.why.words}",
        "articles": [
            {
                "id": other.id,
                "title": other.title,
                "url": other.url,
                "source": sources.get(other.source_id or 0),
                "alike": alike,
            }
            for other, alike in story.others
        ],
    }


def story_lines(number: int, story: "Sharing", sources: Mapping[int, str]) -> Iterator[str]:
    """Yield the lines in which an article's story is told to a person."""
    where = f"in {story.edition}" if story.edition else f"in {story.newsletter}'s next edition"
    shown = "this one" if story.shown == number else f"article {story.shown}"
    yield f"same story: {where} {shown} is shown, since it {story.why.words}"
    for other in story_json(story, sources)["articles"]:
        source = f" ({other['source']})" if other["source"] else ""
        yield f"            as article {other['id']}{source}, {other['title']}: {other['alike']}"
