"""Community detection by the map equation (kexue.fm/archives/7006)."""
