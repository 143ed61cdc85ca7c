"""Prompt texts, one Markdown file each; nothing else lives here."""
