"""From a trained run to the files that players load, each read back and compared before it is kept."""
