"""Scripts that build, merge and export what the other scripts need or made."""
