"""A Home Assistant with the simulated clouds in it: for `scripts/develop` to show, for the browser tests to use."""
