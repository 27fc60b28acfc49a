"""``python -m ctviz`` is ``ctviz``."""

import sys

from ctviz.imports import standard_library_first

if __name__ == "__main__":
    if not sys.flags.safe_path and sys.path[0] != __file__.rpartition("/ctviz/")[0]:
        del sys.path[0]  # the current folder, in which the ``ctviz`` command does not look for modules either
    standard_library_first()

    from ctviz.cli import main

    main()
