"""Sources to articles: what is fetched or read becomes clean records."""
