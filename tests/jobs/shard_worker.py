"""A worker on shards that takes its time over each batch, so that it can be killed in the middle of one."""

import sys
import time

from longtail.cli import main
from longtail.features import feature_writing

write = feature_writing.FeatureRows.write


def slowly(self, first_row, features):
    write(self, first_row, features)
    time.sleep(0.3)


if __name__ == "__main__":
    feature_writing.FeatureRows.write = slowly
    sys.exit(main(sys.argv[1:]))
