"""The interpreter's side of a worker. Must import under any Python 3, to be able to say which one it is."""
