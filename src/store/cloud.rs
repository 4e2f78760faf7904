//! A store in a bucket: S3 and what speaks its language, Google Cloud Storage, Azure.
//!
//! The one file that knows `object_store`, and that it is asynchronous. Credentials come from the environment and from
//! nowhere else. The compare-and-swap is the server's; [`Store::prove`] finds out whether it has one.

mod credentials;
mod probe;

use std::sync::{Arc, Once};
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::aws::{AmazonS3Builder, S3ConditionalPut};
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, BackoffConfig, ClientOptions, Error, GetResult, ObjectStore,
    ObjectStoreExt, PutMode, PutOptions, PutPayload, RetryConfig, UpdateVersion,
};
use tokio::runtime::Runtime;

use super::address::{Bucket, Cloud};
use super::trouble::{Trouble, broke_off, said};
use super::{Keeper, Listed, Object, ObjectName, Put, Replace, Store, StoreError};
use crate::bundle::MAX_BUNDLE;
use cuff_verifier::time::Instant;

/// A place in a bucket.
#[derive(Debug)]
pub struct CloudStore {
    bucket: Bucket,
    store: Arc<dyn ObjectStore>,
    runtime: Runtime,
}

/// What is found when an object is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peek {
    /// There is none.
    Absent,
    /// It is longer than it may be.
    TooLong,
    /// All of it, and what caches are told.
    Whole(Vec<u8>, Option<String>),
}

impl CloudStore {
    /// Gets ready to speak to a bucket. Nothing is asked of it yet.
    pub fn open(bucket: Bucket) -> Result<Self, StoreError> {
        static TLS: Once = Once::new();
        TLS.call_once(|| {
            // Somebody else may have chosen one before: as good as ours.
            let _ = rustls::crypto::ring::default_provider().install_default();
        });
        credentials::look(&bucket)?;
        let failed = |error: &(dyn std::error::Error + 'static)| StoreError::Remote {
            store: bucket.to_string(),
            action: "reach".to_owned(),
            trouble: Trouble::of(error),
            said: said(error),
        };
        let store = connect(&bucket).map_err(|error| failed(&error))?;
        // Requests are many and small; what takes time is waiting.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(|error| failed(&error))?;
        Ok(Self {
            bucket,
            store,
            runtime,
        })
    }

    /// An object of at most `limit` bytes, and what the store tells caches of it.
    pub fn peek(&self, name: &ObjectName, limit: u64) -> Result<Peek, StoreError> {
        self.runtime.block_on(async {
            let Some(got) = self.ask(name).await? else {
                return Ok(Peek::Absent);
            };
            if got.meta.size > limit {
                return Ok(Peek::TooLong);
            }
            let caches = got.attributes.get(&Attribute::CacheControl);
            let caches = caches.map(|value| value.as_ref().to_owned());
            Ok(Peek::Whole(self.bytes(name, got).await?, caches))
        })
    }

    /// The first bytes of an object that was listed, under a name that need not be one of ours.
    pub fn start(&self, name: &str, most: u64) -> Option<Vec<u8>> {
        let full = [self.bucket.prefix.as_str(), name].join("/");
        let path = Path::parse(full.trim_start_matches('/')).ok()?;
        let got = self.runtime.block_on(self.store.get_range(&path, 0..most));
        got.ok().map(|bytes| bytes.to_vec())
    }

    fn path(&self, name: &ObjectName) -> Path {
        if self.bucket.prefix.is_empty() {
            Path::from(name.as_str())
        } else {
            Path::from(format!("{}/{name}", self.bucket.prefix))
        }
    }

    fn trouble(&self, action: &str, error: &Error) -> StoreError {
        let trouble = Trouble::of(error);
        StoreError::Remote {
            store: self.bucket.to_string(),
            action: action.to_owned(),
            trouble,
            said: said(error),
        }
    }

    async fn read(&self, name: &ObjectName) -> Result<Option<Read>, StoreError> {
        let Some(got) = self.ask(name).await? else {
            return Ok(None);
        };
        let meta = got.meta.clone();
        let bytes = self.bytes(name, got).await?;
        Ok(Some(Read {
            bytes,
            version: UpdateVersion {
                e_tag: meta.e_tag,
                version: meta.version,
            },
        }))
    }

    async fn ask(&self, name: &ObjectName) -> Result<Option<GetResult>, StoreError> {
        let action = || format!("read {name} from");
        let mut answer = self.store.get(&self.path(name)).await;
        // Asking again for what was only read does no harm. The library does so itself, but not when a refusal breaks off.
        for _ in 0..ATTEMPTS {
            match &answer {
                Err(error) if broke_off(error) => {
                    answer = self.store.get(&self.path(name)).await;
                }
                _ => break,
            }
        }
        match answer {
            Ok(got) => Ok(Some(got)),
            // Where the bucket is missing every object is, and nothing must follow from that.
            Err(error @ Error::NotFound { .. }) if Trouble::of(&error) == Trouble::NoBucket => {
                Err(self.trouble(&action(), &error))
            }
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.trouble(&action(), &error)),
        }
    }

    async fn bytes(&self, name: &ObjectName, got: GetResult) -> Result<Vec<u8>, StoreError> {
        let action = || format!("read {name} from");
        if got.meta.size > MAX_BUNDLE {
            return Err(StoreError::Remote {
                store: self.bucket.to_string(),
                action: action(),
                trouble: Trouble::Failed,
                said: format!(
                    "it is {} bytes long, and no object of a repository is longer than {MAX_BUNDLE}",
                    got.meta.size
                ),
            });
        }
        let bytes = got.bytes().await;
        Ok(bytes
            .map_err(|error| self.trouble(&action(), &error))?
            .to_vec())
    }

    async fn create(&self, name: &ObjectName, bytes: &[u8]) -> Result<Put, StoreError> {
        match self.put(name, bytes, PutMode::Create, FOREVER).await {
            Ok(()) => Ok(Put::Written),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(Put::Present),
            Err(error) => Err(self.trouble(&format!("write {name} to"), &error)),
        }
    }

    async fn put(
        &self,
        name: &ObjectName,
        bytes: &[u8],
        mode: PutMode,
        caches: &'static str,
    ) -> Result<(), Error> {
        let kind = if name.as_str().rsplit('.').next() == Some("json") {
            "application/json"
        } else {
            "application/octet-stream"
        };
        let options = PutOptions {
            mode,
            attributes: Attributes::from_iter([
                (Attribute::CacheControl, caches),
                (Attribute::ContentType, kind),
            ]),
            ..PutOptions::default()
        };
        let payload = PutPayload::from(bytes.to_vec());
        self.store
            .put_opts(&self.path(name), payload, options)
            .await
            .map(drop)
    }

    async fn swap(
        &self,
        name: &ObjectName,
        read: Option<&[u8]>,
        bytes: &[u8],
    ) -> Result<Replace, StoreError> {
        for _ in 0..ATTEMPTS {
            let there = self.read(name).await?;
            if there.as_ref().is_some_and(|there| there.bytes == bytes) {
                // Also what a retried request finds whose first answer was lost.
                return Ok(Replace::Written);
            }
            if there.as_ref().map(|there| &*there.bytes) != read {
                return Ok(Replace::Changed);
            }
            let mode = there.map_or(PutMode::Create, |there| PutMode::Update(there.version));
            match self.put(name, bytes, mode, SHORTLY).await {
                Ok(()) => return Ok(Replace::Written),
                // Somebody was faster, or is still at it: look again.
                Err(Error::Precondition { .. } | Error::AlreadyExists { .. }) => {}
                Err(error) => return Err(self.trouble(&format!("replace {name} in"), &error)),
            }
        }
        Err(StoreError::Unconditional {
            store: self.bucket.to_string(),
            found: format!("it refuses to replace `{name}`, which nobody else has changed"),
        })
    }
}

impl Store for CloudStore {
    fn describe(&self) -> String {
        format!("`{}`", self.bucket)
    }

    fn get(&self, name: &ObjectName) -> Result<Option<Vec<u8>>, StoreError> {
        let read = self.runtime.block_on(self.read(name))?;
        Ok(read.map(|read| read.bytes))
    }

    fn put_if_absent(&self, name: &ObjectName, bytes: &[u8]) -> Result<Put, StoreError> {
        self.runtime.block_on(self.create(name, bytes))
    }

    fn replace_if_unchanged(
        &self,
        name: &ObjectName,
        read: Option<&[u8]>,
        bytes: &[u8],
    ) -> Result<Replace, StoreError> {
        self.runtime.block_on(self.swap(name, read, bytes))
    }

    fn put_all(
        &self,
        objects: &[Object<'_>],
        done: &mut dyn FnMut(u64),
    ) -> Result<Vec<Put>, StoreError> {
        self.runtime.block_on(async {
            let mut puts = stream::iter(objects)
                .map(|object| async {
                    let put = self.create(object.name, object.bytes).await?;
                    Ok::<_, StoreError>((object.bytes.len() as u64, put))
                })
                .buffered(AT_ONCE);
            let mut results = Vec::new();
            while let Some(put) = puts.next().await {
                let (length, put) = put?;
                done(length);
                results.push(put);
            }
            Ok(results)
        })
    }

    fn get_all(&self, names: &[&ObjectName]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let gets = stream::iter(names)
            .map(|name| async { Ok(self.read(name).await?.map(|read| read.bytes)) })
            .buffered(AT_ONCE);
        self.runtime.block_on(gets.try_collect())
    }

    fn prove(&self) -> Result<(), StoreError> {
        self.runtime.block_on(probe::prove(self))
    }
}

impl Keeper for CloudStore {
    fn list(&self) -> Result<Vec<Listed>, StoreError> {
        let prefix = (!self.bucket.prefix.is_empty()).then(|| Path::from(&*self.bucket.prefix));
        let found: Result<Vec<_>, _> = self
            .runtime
            .block_on(self.store.list(prefix.as_ref()).try_collect());
        let found = found.map_err(|error| self.trouble("list what is in", &error))?;
        let skip = prefix.map_or(0, |prefix| prefix.as_ref().len() + 1);
        let mut listed: Vec<_> = found
            .into_iter()
            .map(|meta| Listed {
                name: meta.location.as_ref().get(skip..).unwrap_or("").to_owned(),
                length: meta.size,
                written: Instant(u64::try_from(meta.last_modified.timestamp()).unwrap_or(0)),
            })
            .collect();
        listed.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(listed)
    }

    fn remove(&self, name: &ObjectName) -> Result<(), StoreError> {
        match self.runtime.block_on(self.store.delete(&self.path(name))) {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.trouble(&format!("remove {name} from"), &error)),
        }
    }
}

/// An object, and which one it was.
struct Read {
    bytes: Vec<u8>,
    version: UpdateVersion,
}

/// Builds the client for a bucket: our patience first, then what the environment says.
fn connect(bucket: &Bucket) -> Result<Arc<dyn ObjectStore>, Error> {
    let variables = |prefix: &'static str| {
        std::env::vars_os().filter_map(move |(key, value)| {
            let key = key.into_string().ok()?;
            let value = value.into_string().ok()?;
            (key.starts_with(prefix) && !value.is_empty())
                .then(|| (key.to_ascii_lowercase(), value))
        })
    };
    let name = bucket.name.clone();
    Ok(match bucket.cloud {
        Cloud::S3 => {
            let mut builder = AmazonS3Builder::new()
                .with_retry(retries())
                .with_client_options(patience());
            for (key, value) in variables("AWS_") {
                if let Ok(key) = key.parse() {
                    builder = builder.with_config(key, value);
                }
            }
            let builder = builder
                .with_bucket_name(name)
                .with_conditional_put(S3ConditionalPut::ETagMatch);
            Arc::new(builder.build()?)
        }
        Cloud::Gcs => {
            let mut builder = GoogleCloudStorageBuilder::new()
                .with_retry(retries())
                .with_client_options(patience());
            for (key, value) in variables("GOOGLE_") {
                if let Ok(key) = key.parse() {
                    builder = builder.with_config(key, value);
                }
            }
            Arc::new(builder.with_bucket_name(name).build()?)
        }
        Cloud::Azure => {
            let mut builder = MicrosoftAzureBuilder::new()
                .with_retry(retries())
                .with_client_options(patience());
            for (key, value) in variables("AZURE_") {
                if let Ok(key) = key.parse() {
                    builder = builder.with_config(key, value);
                }
            }
            Arc::new(builder.with_container_name(name).build()?)
        }
    })
}

fn patience() -> ClientOptions {
    ClientOptions::new()
        .with_connect_timeout(Duration::from_secs(5))
        .with_timeout(Duration::from_mins(2))
}

fn retries() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(3),
            base: 2.0,
        },
        max_retries: 5,
        retry_timeout: Duration::from_mins(1),
    }
}

/// What never changes.
pub const FOREVER: &str = "public, max-age=31536000, immutable";
/// What is replaced.
pub const SHORTLY: &str = "public, max-age=60, must-revalidate";
/// Requests on their way at the same time.
const AT_ONCE: usize = 16;
/// How often a swap is tried that the store refuses without a reason that can be seen, and an answer asked for again that broke off.
const ATTEMPTS: usize = 5;
