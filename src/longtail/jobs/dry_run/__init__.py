"""What a verb would do, and what that would take, found out without writing anything."""
