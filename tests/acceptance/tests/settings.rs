//! Every setting of every builder adds, says the same again, or refuses a second call. None replaces in silence.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use acceptance::{AUDIENCE, ISSUER, SECRET, Stopped};
use jwt_core::binding::TrustedProxies;
use jwt_core::metadata::{ResourceMetadata, ResourceMetadataBuilder};
use jwt_core::store::StoreError;
use jwt_core::{Algorithm, Issuer, KeySet, MemoryStore, RefreshTokens, Revocations, SigningKey};

const MINUTE: Duration = Duration::from_secs(60);
/// That of the key of RFC 9449 §6.1.
const THUMBPRINT: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";

/// What a second call of a setting does.
enum Second {
    /// One more of them: both calls count.
    Adds,
    /// A setting without an argument: the second call says the same again.
    SaysTheSame,
    /// `build()` has this error.
    Refused(String),
}

/// Type of the builder, setting, and what a second call does.
type Row = (&'static str, &'static str, Second);

fn refused<T, E: Debug>(result: Result<T, E>) -> Second {
    Second::Refused(result.err().map(|error| format!("{error:?}")).unwrap_or_default())
}

/// One row per setting, with two calls that differ.
macro_rules! twice {
    ($rows:ident, $name:literal, $new:expr, $build:expr; $($setting:ident ($($first:expr),*) ($($second:expr),*);)*) => {$(
        $rows.push(($name, stringify!($setting), refused($build($new.$setting($($first),*).$setting($($second),*)))));
    )*};
}

mod signing_in;
mod verifying;

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn key() -> SigningKey {
    SigningKey::secret(Algorithm::HS256, SECRET).unwrap()
}

fn keys() -> KeySet {
    KeySet::hs256(SECRET).unwrap()
}

fn store() -> Arc<MemoryStore> {
    Arc::new(MemoryStore::new())
}

fn refresh_tokens() -> RefreshTokens {
    RefreshTokens::builder(store()).build().unwrap()
}

fn revocations() -> Revocations {
    run(Revocations::builder(store()).open()).unwrap()
}

fn metadata() -> ResourceMetadataBuilder {
    ResourceMetadata::builder("https://api.example.com")
}

fn proxies() -> TrustedProxies {
    TrustedProxies::at(["10.0.0.7"]).client_cert()
}

fn table() -> Vec<Row> {
    let mut rows = Vec::new();
    verifying::authenticators(&mut rows);
    verifying::caches(&mut rows);
    verifying::metadata_documents(&mut rows);
    signing_in::issuers(&mut rows);
    signing_in::logins(&mut rows);
    signing_in::providers(&mut rows);
    signing_in::sign_ins(&mut rows);
    signing_in::logouts(&mut rows);
    verifying::api_keys(&mut rows);
    verifying::forwarders(&mut rows);
    verifying::mcp_resources(&mut rows);
    rows
}

#[test]
fn no_setting_replaces_in_silence() {
    let mut silent = Vec::new();
    for (builder, setting, second) in table() {
        if let Second::Refused(error) = second {
            // The name, which for a metadata document is that of the member, and that there are two of them.
            let named = error.contains(setting) || (builder == "ResourceMetadataBuilder" && error.contains("member"));
            if !(named && error.contains("twice")) {
                silent.push(format!("{builder}::{setting}: {error:?}"));
            }
        }
    }
    assert!(silent.is_empty(), "{silent:#?}");
}

/// Types with settings that have tables of their own, or that need servers or features which this suite does not have.
const ELSEWHERE: [(&str, &str); 20] = [
    ("AuthenticatorBuilder", "trust_tenants"),
    ("AuthenticatorBuilder", "cache"),
    // In tests/oidc, with those of `Introspection`.
    ("AuthenticatorBuilder", "introspect"),
    ("TokenCache", "max_entries"),
    ("TokenCache", "max_bytes"),
    // On a real server: tests/stores.
    ("RedisStore", "prefix"),
    ("RedisStore", "timeout"),
    ("RedisStore", "max_revocations"),
    ("RedisStoreBuilder", "root_certificate"),
    ("RedisStoreBuilder", "client_certificate"),
    ("PostgresStoreBuilder", "schema"),
    ("PostgresStoreBuilder", "timeout"),
    ("PostgresStoreBuilder", "max_revocations"),
    ("PostgresStoreBuilder", "transaction_pooling"),
    ("PostgresStoreBuilder", "listen_at"),
    ("PostgresStoreBuilder", "listen_with"),
    // In a real file: tests/stores.
    ("SqliteStoreBuilder", "prefix"),
    ("SqliteStoreBuilder", "timeout"),
    ("SqliteStoreBuilder", "max_revocations"),
    ("SqliteStoreBuilder", "lose_last_writes_on_power_failure"),
];

#[test]
fn no_setting_is_missing_from_the_table() {
    let core = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../jwt-core/src");
    let rows = table();
    let mut known: BTreeSet<(&str, &str)> = rows.iter().map(|(builder, setting, _)| (*builder, *setting)).collect();
    known.extend(ELSEWHERE);
    let mut missing = Vec::new();
    let mut found = 0;
    let builders: BTreeSet<&str> = known.iter().map(|(builder, _)| *builder).collect();
    sources(&core, &mut |text| {
        for (owner, setting) in settings(text) {
            let is_builder = owner.ends_with("Builder") || builders.contains(owner);
            let is_known = known.contains(&(owner, setting));
            found += usize::from(is_builder);
            if is_builder && !is_known {
                missing.push(format!("{owner}::{setting}"));
            }
        }
    });
    assert!(found > 80, "the sources are read wrongly: {found}");
    assert!(missing.is_empty(), "add a row for each: {missing:#?}");
}

fn sources(folder: &Path, read: &mut dyn FnMut(&str)) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, read);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            read(&std::fs::read_to_string(&path).unwrap());
        }
    }
}

/// Type and name of every public method that takes the value and yields it: a setting.
fn settings(text: &str) -> Vec<(&str, &str)> {
    let mut owner = "";
    let mut found = Vec::new();
    for (start, line) in text.lines().scan(0, |at, line| Some((std::mem::replace(at, *at + line.len() + 1), line))) {
        if let Some(rest) = line.strip_prefix("impl") {
            let name = rest.split_once("> ").filter(|_| rest.starts_with('<')).map_or(rest, |(_, name)| name).trim();
            owner = name.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
        }
        let Some(rest) = line.trim_start().strip_prefix("pub ") else { continue };
        let Some(rest) = rest.trim_start_matches("const ").strip_prefix("fn ") else { continue };
        let name = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
        // The whole signature, which may take several lines.
        let signature: String = text[start..].split('{').next().unwrap_or_default().split_whitespace().collect();
        let takes_itself = signature.contains("(mutself") || signature.contains("(self");
        if takes_itself && signature.contains("->Self") {
            found.push((owner, name));
        }
    }
    found
}

/// For a table that is written wrongly.
#[test]
fn a_setting_given_once_is_not_refused() {
    let error = |error: StoreError| format!("{error:?}");
    assert!(run(Revocations::builder(store()).leeway(MINUTE).clock(Stopped).open()).map_err(error).is_ok());
    assert!(Issuer::builder(ISSUER).audience(AUDIENCE).signing_key(key()).typ("JWT").clock(Stopped).build().is_ok());
}
