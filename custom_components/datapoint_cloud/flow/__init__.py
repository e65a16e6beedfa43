"""The forms: their fields, what is checked of them, and the flows of options and subentries."""
