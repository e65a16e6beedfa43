"""The schedules that devices keep themselves, between the bytes of their datapoints and words that people read."""
