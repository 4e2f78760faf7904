"""Has the public suite's repositories written the way devices read them. Its tests stay as they are.

Every file is canonical, keys are Ed25519 where a test does not name others, lengths and digests of metadata are pinned, and
every role but snapshot says when it was signed. A pytest plugin: `-p device_profile`, with this folder in PYTHONPATH.
"""

from securesystemslib.formats import encode_canonical
from tuf.api.metadata import Signed, Snapshot
from tuf.api.serialization.json import JSONSerializer
from tuf_conformance._internal.repository_simulator import RepositorySimulator

ISSUED = "2024-01-01T00:00:00Z"

fields = Signed._common_fields_to_dict
new_signer = RepositorySimulator.new_signer


def common_fields(signed):
    known = fields(signed)
    if signed.type != Snapshot.type:
        known.setdefault("issued", ISSUED)
    return known


def signer(simulator, keytype="ed25519", scheme="ed25519"):
    return new_signer(simulator, keytype, scheme)


Signed._common_fields_to_dict = common_fields
JSONSerializer.serialize = lambda _, metadata: encode_canonical(metadata.to_dict()).encode()
RepositorySimulator.new_signer = signer
RepositorySimulator.compute_metafile_hashes_length = property(lambda _: True, lambda *_: None)
