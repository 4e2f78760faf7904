"""Makes a bucket of an S3 server and copies a published directory there, timestamp.json last.

usage: s3_copy.py URL FOLDER BUCKET PREFIX
"""

import pathlib
import sys

import boto3

url, folder, bucket, prefix = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3], sys.argv[4]
store = boto3.client("s3", endpoint_url=url)
store.create_bucket(Bucket=bucket)
files = [path for path in folder.rglob("*") if path.is_file() and path.name != ".cuff-lock"]
for path in sorted(files, key=lambda path: path.name == "timestamp.json"):
    store.put_object(Bucket=bucket, Key=f"{prefix}/{path.relative_to(folder)}", Body=path.read_bytes())
