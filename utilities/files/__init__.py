"""Files that stay whole: replaced at once, appended line by line, read as streams."""
