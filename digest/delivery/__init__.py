"""Letter times audience makes mail: what is checked, frozen, handed to a relay and put on record."""
