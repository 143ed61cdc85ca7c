"""Where agents get replies: asked for once, journalled before anything is made of them."""
