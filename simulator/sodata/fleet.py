"""The customer's installation behind SoData: sites, devices and their values as pure functions of the time."""


class SoDataDevice:
    """One device of the installation."""
