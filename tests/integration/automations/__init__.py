"""Automations made of our triggers, conditions and blueprints."""
