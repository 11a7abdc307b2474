"""`python -m longtail`: the same as the command `longtail`, for launchers such as torchrun."""

import sys

from longtail.cli import main

sys.exit(main())
