"""Every file that the pipeline reads or writes: atomic writing, checksums, the manifest."""
