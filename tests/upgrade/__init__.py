"""From 0.1 to here: what a running deployment has in its store, in browsers and on its bus."""
