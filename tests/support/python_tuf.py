"""What python-tuf says of a repository in a directory: found, absent, or why it refuses.

usage: python_tuf.py DIRECTORY ROOT NOW TARGET MEMORY. Takes the file ROOT for the trusted root, NOW for the date, and the
directory MEMORY for what it has seen before. Exit code 0
with `found` or `absent` on standard output, 1 with the name of the refusal; anything else is a fault of this script.
"""

import datetime
import pathlib
import sys

from tuf.api.exceptions import DownloadError, DownloadHTTPError, RepositoryError
from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig
from tuf.ngclient._internal import trusted_metadata_set


class Files(FetcherInterface):
    """Gives files of the directory as a web server would."""

    def __init__(self, folder):
        self.folder = folder

    def _fetch(self, url):
        path = self.folder / url.removeprefix("file://")
        if not path.is_file():
            raise DownloadHTTPError("not found", 404)
        yield path.read_bytes()


def main(folder, root, now, target, memory):
    moment = datetime.datetime.strptime(now, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc)

    class Clock(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return moment

    trusted_metadata_set.datetime.datetime = Clock
    updater = Updater(
        metadata_dir=memory,
        metadata_base_url="file://metadata/",
        fetcher=Files(folder),
        config=UpdaterConfig(),
        bootstrap=root.read_bytes(),
    )
    updater.refresh()
    return "found" if updater.get_targetinfo(target) else "absent"


if __name__ == "__main__":
    try:
        print(main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), *sys.argv[3:]))
    except (RepositoryError, DownloadError) as error:
        print(type(error).__name__, error)
        sys.exit(1)
