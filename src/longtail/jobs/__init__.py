"""One file a verb of the command line; the rooms below hold what verbs put together."""
