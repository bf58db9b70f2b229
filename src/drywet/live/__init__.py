"""Models played live: guitar in, wet out, in an audio thread that runs no Python."""
