"""What two or more DataModules share: text, images, the resumable loader, embedded samples."""
