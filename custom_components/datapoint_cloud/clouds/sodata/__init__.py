"""Socomec Wiotys SoData: UPS, meters and gateways of a corporate account."""
