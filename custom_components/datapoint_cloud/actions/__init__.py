"""The actions for history and statistics: targets, time ranges, rights and responses."""
