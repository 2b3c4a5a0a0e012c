"""Runs Python tasks of one worker; started by it, with descriptors 3 (orders and answers) and 4 (the board).

User code finds itself beside a nearly empty __main__, and nothing of ours on its path.
"""

if __name__ == "__main__":
    __import__("switchyard_worker.serve").serve.begin()
