"""The rules a system must keep, each with the sentence a user reads when it does not."""
