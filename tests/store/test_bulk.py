import gc

from digest.store import Store
from tests.store.builders import a_person, enrol


def test_slices_leave_no_garbage_that_only_a_collector_finds(store: Store) -> None:
    slices = [[a_person(f"reader{n}@{part}.example.com") for n in range(20)] for part in range(50)]
    enrol(store, *slices[0])  # whatever is made once
    gc.collect()
    gc.disable()
    try:
        for people in slices[1:]:
            enrol(store, *people)
        garbage = gc.collect()
    finally:
        gc.enable()

    assert garbage < 5 * len(slices)  # a statement of SQLAlchemy's leaves a hundred objects
