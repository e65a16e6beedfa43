"""Benchmarks of the integration, measured against the simulated clouds."""

# Home Assistant replaces voluptuous by another library, and warns if the test kit has imported voluptuous before.
import homeassistant  # noqa: F401
