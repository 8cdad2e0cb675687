"""Published likelihoods: files, checksums, downloads."""
