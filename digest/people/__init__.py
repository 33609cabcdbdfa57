"""People: their addresses, what they consented to, and who must not be mailed."""
