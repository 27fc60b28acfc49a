"""``python -m ctviz`` is ``ctviz``."""

from ctviz.cli import main

if __name__ == "__main__":
    main()
