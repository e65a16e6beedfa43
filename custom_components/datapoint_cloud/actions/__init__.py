"""What the actions answer about the past and import from it: targets, ranges of time, rights and answers."""
