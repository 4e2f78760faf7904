//! Whether there is anything to sign requests with, before the first of them waits for an answer that never comes.
//!
//! Looks at the names of environment variables, and on a machine in a cloud for the service that gives credentials; never at
//! a secret.

use std::env;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::super::StoreError;
use super::super::address::{Bucket, Cloud};

/// Refuses when there are no credentials.
pub(super) fn look(bucket: &Bucket) -> Result<(), StoreError> {
    let set = |name: &&str| env::var_os(name).is_some_and(|value| !value.is_empty());
    let (names, looked) = match bucket.cloud {
        Cloud::S3 => (
            S3,
            "AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY, AWS_WEB_IDENTITY_TOKEN_FILE with AWS_ROLE_ARN, \
             AWS_CONTAINER_CREDENTIALS_..., and a role of this machine",
        ),
        Cloud::Gcs => (
            GCS,
            "GOOGLE_SERVICE_ACCOUNT, GOOGLE_APPLICATION_CREDENTIALS, and a service account of this machine",
        ),
        Cloud::Azure => (
            AZURE,
            "AZURE_STORAGE_ACCOUNT_KEY, AZURE_STORAGE_SAS_KEY, AZURE_CLIENT_ID with a secret or \
             AZURE_FEDERATED_TOKEN_FILE, and an identity of this machine",
        ),
    };
    let machine = match bucket.cloud {
        Cloud::S3 => !set(&"AWS_EC2_METADATA_DISABLED"),
        Cloud::Gcs => !set(&"NO_GCE_CHECK"),
        Cloud::Azure => true,
    };
    if names.iter().any(set) || (machine && answers()) {
        Ok(())
    } else {
        Err(StoreError::NoCredentials {
            store: bucket.to_string(),
            looked,
        })
    }
}

/// Whether this machine is in a cloud that gives it credentials: all three answer at the same address.
fn answers() -> bool {
    let metadata = SocketAddr::from(([169, 254, 169, 254], 80));
    TcpStream::connect_timeout(&metadata, Duration::from_secs(1)).is_ok()
}

const S3: &[&str] = &[
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_METADATA_ENDPOINT",
    "AWS_SKIP_SIGNATURE",
];

const GCS: &[&str] = &[
    "GOOGLE_SERVICE_ACCOUNT",
    "GOOGLE_SERVICE_ACCOUNT_PATH",
    "GOOGLE_SERVICE_ACCOUNT_KEY",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_SKIP_SIGNATURE",
];

const AZURE: &[&str] = &[
    "AZURE_STORAGE_ACCOUNT_KEY",
    "AZURE_STORAGE_ACCESS_KEY",
    "AZURE_STORAGE_SAS_KEY",
    "AZURE_STORAGE_SAS_TOKEN",
    "AZURE_STORAGE_CLIENT_ID",
    "AZURE_CLIENT_ID",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_STORAGE_TOKEN",
    "AZURE_MSI_ENDPOINT",
    "AZURE_IDENTITY_ENDPOINT",
    "AZURE_STORAGE_USE_EMULATOR",
    "AZURE_SKIP_SIGNATURE",
];
