"""What `bsnunu` can do, one function a command; `COMMANDS` of every file here are its own."""
