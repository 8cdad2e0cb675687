"""What everything else stands on: errors, 64 bit, files, progress."""
