"""Where Home Assistant looks for the integration."""
