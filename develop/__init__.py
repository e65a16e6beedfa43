"""A Home Assistant of one's own with the simulated clouds in it: what `scripts/develop` shows and the browser tests use."""
