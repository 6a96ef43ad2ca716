"""`sophia bench`: scenarios, how they are measured, what a run came to, and its report."""
