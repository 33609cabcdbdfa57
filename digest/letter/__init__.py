"""From an edition to a letter: rendered, inlined, written as a mail with slots, and stamped for each reader."""
