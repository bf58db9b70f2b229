"""Studies that come with drywet, one TOML file each."""
