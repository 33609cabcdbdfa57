"""Running an installation: setting it up, and later its schedule, alerts, status and backup."""
