"""The sample's script, and a small recording SMTP server for demo, benchmarks and tests."""
