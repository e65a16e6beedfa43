"""The forms of the flows, their validation by the cloud, and the flows of options and subentries."""
