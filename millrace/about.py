"""What this build is."""

VERSION = "0.1.0"
