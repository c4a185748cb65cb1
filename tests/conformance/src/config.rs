use std::time::Duration;

use jwt_core::binding::{Dpop, DpopNonces};
use jwt_core::clock::{Clock, NumericDate};
use jwt_core::key::{KeySource, SkippedKey};
use jwt_core::{
    Algorithm, Authenticator, AuthenticatorBuilder, KeySet, RemoteKeySet, TokenCache, TokenSource, VerifyingKey,
};
use serde::Deserialize;
use serde_json::value::RawValue;

/// The configuration file. Every member is always present.
#[derive(Deserialize)]
pub(crate) struct Config {
    /// A JWK Set, one HMAC secret, or the address of a set.
    keys: Box<RawValue>,
    /// The only algorithms that are accepted.
    algorithms: Vec<String>,
    /// Set: `iss` must be there and equal.
    issuer: Option<String>,
    /// Set: `aud` must hold one of them.
    audience: Option<OneOrMany>,
    /// Clock skew allowed for `exp` and `nbf`, in seconds.
    leeway: u64,
    /// Claims that must be there.
    required: Vec<String>,
    /// Where a token is taken from.
    sources: Sources,
    /// Set: the `typ` header must be one of them.
    typ: Option<Vec<String>>,
    /// Set: the clock stands still at this Unix time.
    now: Option<i64>,
    /// `jwt`; `jws` is not supported.
    layer: String,
    /// What is asked of tokens that are bound to a key. Without it, a proof of that key.
    #[serde(default)]
    dpop: Option<Proofs>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Proofs {
    /// Whether tokens without a proof are refused.
    #[serde(default)]
    required: bool,
    #[serde(default)]
    public_origin: Option<String>,
    /// Whether a proof needs a nonce of this server.
    #[serde(default)]
    nonce: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
struct Sources {
    bearer: bool,
    cookie: Option<String>,
}

/// Why there is no server for a configuration.
pub(crate) enum Refusal {
    /// It asks for something that is not supported.
    Unsupported(String),
    /// It is unsafe, or no configuration at all.
    Unsafe(String),
}

impl Refusal {
    fn unsafe_because(reason: impl std::fmt::Display) -> Self {
        Self::Unsafe(reason.to_string())
    }
}

impl Config {
    pub(crate) fn read(json: &str) -> Result<Self, Refusal> {
        serde_json::from_str(json).map_err(Refusal::unsafe_because)
    }

    /// The authenticator that it describes. The claims are not looked into, so their type is `()`.
    pub(crate) fn authenticator(self, cache: bool) -> Result<Authenticator<()>, Refusal> {
        if self.layer != "jwt" {
            return Err(Refusal::Unsupported(format!("layer {:?}", self.layer)));
        }
        let mut builder = Authenticator::builder().keys(self.keys()?).leeway(Duration::from_secs(self.leeway));
        if let Some(issuer) = self.issuer {
            builder = builder.issuer(issuer);
        }
        builder = match self.audience {
            None => builder.any_audience(),
            Some(OneOrMany::One(audience)) => builder.audience(audience),
            Some(OneOrMany::Many(audiences)) => audiences.into_iter().fold(builder, AuthenticatorBuilder::audience),
        };
        if !self.required.iter().any(|name| name == "exp") {
            builder = builder.dangerous_allow_tokens_without_expiry();
        }
        for name in self.required {
            builder = builder.required_claim(name);
        }
        if !self.sources.bearer && self.sources.cookie.is_none() {
            return Err(Refusal::unsafe_because("no source is on: no request could ever be served"));
        }
        if self.sources.bearer {
            builder = builder.source(TokenSource::bearer());
        }
        if let Some(cookie) = self.sources.cookie {
            builder = builder.source(TokenSource::cookie(cookie));
        }
        if let Some(types) = self.typ {
            if types.is_empty() {
                return Err(Refusal::unsafe_because("typ: an empty list lets no token through"));
            }
            builder = types.into_iter().fold(builder, AuthenticatorBuilder::typ);
        }
        if let Some(now) = self.now {
            builder = builder.clock(Stopped(NumericDate::from_secs(now.try_into().unwrap_or(0))));
        }
        if cache {
            builder = builder.cache(TokenCache::new());
        }
        if let Some(Proofs { required, public_origin, nonce }) = self.dpop {
            if required {
                builder = builder.require_dpop();
            }
            if let Some(origin) = public_origin {
                builder = builder.public_origin(origin);
            }
            if nonce {
                let nonces = DpopNonces::of_this_process().map_err(Refusal::unsafe_because)?;
                builder = builder.dpop(Dpop::new().nonces(&nonces));
            }
        }
        builder.build().map_err(Refusal::unsafe_because)
    }

    fn keys(&self) -> Result<KeySource, Refusal> {
        let algorithms = self
            .algorithms
            .iter()
            .map(|name| name.parse().map_err(|_| Refusal::Unsupported(format!("algorithm {name:?}"))))
            .collect::<Result<Vec<Algorithm>, _>>()?;
        #[derive(Deserialize)]
        struct Keys {
            #[serde(rename = "keys")]
            set: Option<Box<RawValue>>,
            secret_b64url: Option<String>,
            jwks_url: Option<String>,
        }
        let keys: Keys = serde_json::from_str(self.keys.get()).map_err(Refusal::unsafe_because)?;
        match (keys.set, keys.secret_b64url, keys.jwks_url) {
            (Some(_), None, None) => {
                let set = KeySet::jwks_allowing(self.keys.get(), &algorithms).map_err(Refusal::unsafe_because)?;
                for SkippedKey { index, kid, reason } in set.skipped() {
                    eprintln!("key {index} ({}) is skipped: {reason}", kid.as_deref().unwrap_or("no kid"));
                }
                Ok(set.into())
            }
            (None, Some(secret), None) => Ok(secret_keys(&secret, &algorithms)?.into()),
            (None, None, Some(address)) => Ok(RemoteKeySet::jwks(address).algorithms(algorithms).into()),
            _ => Err(Refusal::unsafe_because("keys: exactly one of keys, secret_b64url and jwks_url")),
        }
    }
}

/// One secret, for every algorithm that it is long enough for.
fn secret_keys(secret: &str, algorithms: &[Algorithm]) -> Result<KeySet, Refusal> {
    let mut keys = Vec::new();
    for algorithm in algorithms {
        match VerifyingKey::secret_base64(*algorithm, secret) {
            Ok(key) => keys.push(key),
            Err(reason) => eprintln!("the secret is not used with {algorithm}: {reason}"),
        }
    }
    KeySet::new(keys).map_err(Refusal::unsafe_because)
}

/// A clock that stands still.
struct Stopped(NumericDate);

impl Clock for Stopped {
    fn now(&self) -> NumericDate {
        self.0
    }
}
