"""What is kept beside the log: versions, releases, who changed what, snapshots, and the loop's own journal."""
