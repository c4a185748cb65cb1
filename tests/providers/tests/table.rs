//! What each provider publishes and issues, after its public documentation; all values are made up. `refused` and `accepted`
//! are changes to the good token: `null` takes a claim away.

#![expect(clippy::needless_pass_by_value, reason = "each shape takes the keys as they come")]

mod hosted;
mod machines;
mod own;

use std::time::{Duration, SystemTime};

use providers_tests::Kind;
use serde_json::{Value, json};

/// A provider, and the recipe for it.
pub(crate) struct Row {
    pub(crate) page: &'static str,
    pub(crate) kind: Kind,
    pub(crate) kid: &'static str,
    pub(crate) keys: Keys,
    /// What is in the header of a token beside `alg` and `kid`.
    pub(crate) header: fn() -> Value,
    /// The header field of the request that has the token.
    pub(crate) field: &'static str,
    pub(crate) access_token: fn() -> Value,
    pub(crate) refused: fn() -> Vec<(&'static str, Value)>,
    pub(crate) accepted: fn() -> Vec<(&'static str, Value)>,
}

/// How keys are published.
pub(crate) enum Keys {
    /// As a set, at that address; the metadata of each issuer is at its place.
    Set {
        issuers: &'static [(&'static str, &'static str)],
        address: &'static str,
        shape: fn(Vec<Value>) -> Value,
        bearer: Option<&'static str>,
    },
    /// Each alone, as PEM.
    Pem,
}

/// `base` with these members; `null` takes one away.
pub(crate) fn merged(base: &Value, change: &Value) -> Value {
    let mut whole = base.clone();
    for (name, value) in change.as_object().into_iter().flatten() {
        if value.is_null() {
            whole.as_object_mut().unwrap().remove(name);
        } else {
            whole[name] = value.clone();
        }
    }
    whole
}

/// Made now, and good for a day.
pub(crate) fn times() -> Value {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    json!({"iat": now.as_secs(), "exp": (now + Duration::from_secs(86_400)).as_secs()})
}

fn plain(keys: Vec<Value>) -> Value {
    json!({"keys": keys})
}

/// Each key with what `change` says.
fn each(keys: &[Value], change: &Value) -> Vec<Value> {
    keys.iter().map(|key| merged(key, change)).collect()
}

fn with_certificates(keys: Vec<Value>) -> Value {
    plain(each(&keys, &json!({"x5t": "dGh1bWJwcmludA", "x5c": ["MIIC"], "x5t#S256": "dGh1bWJwcmludA"})))
}

fn of_entra(keys: Vec<Value>) -> Value {
    let issuer = "https://login.microsoftonline.com/{tenantid}/v2.0";
    plain(each(&keys, &json!({"alg": null, "x5t": "dGh1bWJwcmludA", "x5c": ["MIIC"], "issuer": issuer})))
}

fn without_algorithm(keys: Vec<Value>) -> Value {
    plain(each(&keys, &json!({"alg": null, "nbf": 1_493_763_266})))
}

fn without_use(keys: Vec<Value>) -> Value {
    plain(each(&keys, &json!({"use": null})))
}

fn of_supabase(keys: Vec<Value>) -> Value {
    plain(each(&keys, &json!({"key_ops": ["verify"], "ext": true})))
}

/// Keycloak publishes a key for encryption as well.
fn with_encryption_key(keys: Vec<Value>) -> Value {
    let encrypts = merged(&keys[0], &json!({"kid": "enc", "use": "enc", "alg": "RSA-OAEP"}));
    plain(std::iter::once(encrypts).chain(each(&keys, &json!({"x5c": ["MIIC"]}))).collect())
}

fn of_cloudflare(keys: Vec<Value>) -> Value {
    let certificates: Vec<Value> = keys.iter().map(|key| json!({"kid": key["kid"], "cert": "-----BEGIN …"})).collect();
    json!({"keys": keys, "public_cert": certificates[0], "public_certs": certificates})
}

/// Every provider.
pub(crate) fn rows() -> impl Iterator<Item = &'static Row> {
    [hosted::ROWS, own::ROWS, machines::ROWS].into_iter().flatten()
}
