//! `cuff.toml`: what people write about their repository.
//!
//! Takes TOML and gives settings, or an error with line and column. Nothing here is trusted: keys and thresholds are in the
//! signed metadata alone.

use crate::instant::Span;
use crate::name::Product as ProductName;
use crate::role::name::RoleName;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The settings of a working directory.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    /// Where `publish` writes when it is not told otherwise: a directory relative to `cuff.toml`, or the URL of a bucket.
    #[serde(default)]
    pub store: Option<String>,
    /// Whether the published example keys may be used.
    #[serde(default)]
    pub demo: bool,
    /// The largest step of a security counter that `stage` takes without a warning: devices have room for few.
    #[serde(default = "default_step")]
    pub max_counter_step: u64,
    /// How long a role is valid after it was staged.
    #[serde(default)]
    pub expiry: BTreeMap<String, Lifetime>,
    /// Who holds which keys, by their names, where the names do not tell: `bob = ["bob", "token-7"]`.
    #[serde(default)]
    pub people: BTreeMap<String, Vec<String>>,
    /// What the desk must know of a product.
    #[serde(default)]
    pub products: BTreeMap<ProductName, ProductSettings>,
}

/// What the desk must know of a product.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ProductSettings {
    /// The boards it runs on; their evidence areas bound the metadata.
    #[serde(default)]
    pub boards: Vec<String>,
    /// The oldest root any device of this product may still trust.
    #[serde(default = "first")]
    pub oldest_root: u64,
    /// Releases whose devices may be stranded: nobody looks after them any more.
    #[serde(default)]
    pub left_behind: Vec<String>,
}

impl Default for ProductSettings {
    fn default() -> Self {
        Self {
            boards: Vec::new(),
            oldest_root: first(),
            left_behind: Vec::new(),
        }
    }
}

/// A length of time, written `90d` or `12h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime(pub Span);

impl<'de> Deserialize<'de> for Lifetime {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?
            .parse()
            .map(Self)
            .map_err(serde::de::Error::custom)
    }
}

impl Settings {
    /// Reads the text of a `cuff.toml`; `path` is for messages.
    pub fn read(path: &Path, text: &str) -> Result<Self, SettingsError> {
        let wrong = |line, column, message: String| SettingsError {
            path: path.to_owned(),
            line,
            column,
            message,
        };
        let settings: Self = toml::from_str(text).map_err(|error| {
            let (line, column) = place(text, error.span().map_or(0, |span| span.start));
            wrong(line, column, error.message().to_owned())
        })?;
        for role in settings.expiry.keys() {
            if let Err(error) = role.parse::<RoleName>() {
                let (line, column) = place(text, text.find(role.as_str()).unwrap_or(0));
                return Err(wrong(line, column, error.to_string()));
            }
        }
        if settings
            .products
            .values()
            .any(|product| product.oldest_root == 0)
        {
            let (line, column) = place(text, text.find("oldest-root").unwrap_or(0));
            return Err(wrong(
                line,
                column,
                "roots are counted from 1: expected `oldest-root` of 1 or more".to_owned(),
            ));
        }
        Ok(settings)
    }

    /// How long this role is valid after it was staged.
    pub fn lifetime(&self, role: &RoleName) -> Span {
        self.expiry
            .get(&role.to_string())
            .map_or_else(|| default_lifetime(role), |lifetime| lifetime.0)
    }

    /// How long a bin is valid after a machine has signed it: `bins = "365d"` under `[expiry]`.
    pub fn lifetime_of_bins(&self) -> Span {
        let set = self.expiry.get("bins");
        set.map_or(Span::days(365), |lifetime| lifetime.0)
    }

    /// What is set for a product, or the defaults.
    pub fn product(&self, name: &ProductName) -> ProductSettings {
        self.products.get(name).cloned().unwrap_or_default()
    }
}

/// A `cuff.toml` that cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{}:{line}:{column}: {message}", path.display())]
pub struct SettingsError {
    path: PathBuf,
    line: usize,
    column: usize,
    message: String,
}

/// The text of a new `cuff.toml`.
pub fn template(
    store: &str,
    demo: bool,
    expiry: &[(RoleName, Span)],
    products: &[ProductName],
    boards: &BTreeMap<ProductName, Vec<String>>,
) -> String {
    use std::fmt::Write as _;
    let mut text = format!(
        "# The working directory of a cuff repository. Keys and thresholds are not here but in the signed metadata.\n\n\
         # Where `cuff publish` writes: a directory, relative to this file, or s3://BUCKET/PREFIX, gs://..., az://...\n\
         store = {store:?}\n\n\
         # Accept the published example keys. Never on a repository that real devices read.\n\
         demo = {demo}\n\n\
         # A step of the security counter above this is a warning: devices have room for few steps.\n\
         max-counter-step = {}\n\n\
         # How long a role is valid after it was staged (snapshot and timestamp: after `publish` or `refresh`).\n\
         [expiry]\n",
        default_step()
    );
    let top_level = [
        RoleName::Root,
        RoleName::Targets,
        RoleName::Snapshot,
        RoleName::Timestamp,
    ];
    let delegated = products.iter().cloned().map(RoleName::Product);
    for role in top_level.into_iter().chain(delegated) {
        let span = expiry
            .iter()
            .find(|(name, _)| *name == role)
            .map_or_else(|| default_lifetime(&role), |(_, s)| *s);
        let _ = writeln!(text, "{role} = \"{span}\"");
    }
    for product in products {
        let boards = boards.get(product).map(Vec::as_slice).unwrap_or_default();
        let _ = write!(
            text,
            "\n[products.{product}]\n\
             # Boards this product runs on: metadata that does not fit their evidence area is refused.\n\
             boards = {boards:?}\n\
             # The oldest root that devices in the field still trust.\n\
             oldest-root = 1\n"
        );
    }
    text
}

fn default_lifetime(role: &RoleName) -> Span {
    match role {
        RoleName::Root | RoleName::Targets | RoleName::Product(_) => Span::days(365),
        RoleName::Snapshot => Span::days(30),
        RoleName::Timestamp => Span::days(7),
    }
}

const fn default_step() -> u64 {
    10
}

const fn first() -> u64 {
    1
}

fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .unwrap_or_default()
        .chars()
        .count()
        + 1;
    (line, column)
}

#[cfg(test)]
mod tests {
    use super::{Settings, template};
    use crate::instant::Span;
    use crate::name::Product;
    use crate::role::name::RoleName;
    use std::collections::BTreeMap;
    use std::path::Path;

    fn read(text: &str) -> Result<Settings, String> {
        Settings::read(Path::new("cuff.toml"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_new_file_reads_back() {
        let band: Product = "band".parse().unwrap();
        let text = template(
            "published",
            true,
            &[(RoleName::Root, Span::days(90))],
            std::slice::from_ref(&band),
            &BTreeMap::from([(band.clone(), vec!["nrf52840".to_owned()])]),
        );
        let settings = read(&text).unwrap();
        assert!(settings.demo);
        assert_eq!(settings.lifetime(&RoleName::Root), Span::days(90));
        assert_eq!(settings.lifetime(&RoleName::Timestamp), Span::days(7));
        assert_eq!(settings.product(&band).oldest_root, 1);
        assert_eq!(settings.product(&band).boards, ["nrf52840"]);
    }

    #[test]
    fn errors_name_line_and_column() {
        for (text, expected) in [
            (
                "demo = true\nstor = 1\n",
                "cuff.toml:2:1: unknown field `stor`",
            ),
            (
                "[expiry]\nroot = \"soon\"\n",
                "cuff.toml:2:8: `soon` is no length of time",
            ),
            (
                "[expiry]\nRoot = \"1d\"\n",
                "cuff.toml:2:1: product \"Root\" must be",
            ),
            ("[products.\"b\\u001bd\"]\n", "cuff.toml:1:11: product"),
            ("demo = \n", "cuff.toml:1:8:"),
            (
                "[products.band]\noldest-root = 0\n",
                "cuff.toml:2:1: roots are counted from 1",
            ),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
