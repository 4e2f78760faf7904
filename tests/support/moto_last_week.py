"""moto's S3, by a clock that is eight days behind, so that what is written now is old enough to be pruned. Takes a port."""

import datetime
import sys

from moto.s3 import models
from moto.server import main

now = models.utcnow
models.utcnow = lambda: now() - datetime.timedelta(days=8)
main(["--host", "127.0.0.1", "--port", sys.argv[1]])
