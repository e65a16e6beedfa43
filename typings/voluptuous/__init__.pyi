from probatio import *  # noqa: F403  # whatever it has, under the name of what it replaces
