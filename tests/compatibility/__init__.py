"""Files that earlier versions wrote, and what every later version must make of them."""
