"""How a task is shown: turned, recoloured and reordered, in text and in pictures; and back."""
