"""From articles to an edition: which go in, how they are laid out, and the account of every one."""
