"""What every script needs: options, exit codes, progress, logs, signals."""
