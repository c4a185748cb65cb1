//! What a case makes its requests of: the target, the keys, the authorization server, the time.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;

use crate::keys::{Key, Keys, Role};
use crate::provider::Provider;
use crate::target::Target;
use crate::token::Token;
use crate::wire::Request;

pub(crate) struct World {
    pub(crate) target: Target,
    pub(crate) keys: Arc<Keys>,
    pub(crate) provider: Provider,
}

impl World {
    pub(crate) fn now(&self) -> i64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
    }

    pub(crate) fn issuer(&self) -> String {
        self.target.tokens.issuer.clone().unwrap_or_else(|| self.provider.url())
    }

    /// The algorithm of most tokens: the first that the target names.
    pub(crate) fn algorithm(&self) -> &'static str {
        self.target.algorithms()[0]
    }

    pub(crate) fn key(&self) -> &Key {
        self.keys.of(Role::Now, self.algorithm())
    }

    pub(crate) fn next_key(&self) -> &Key {
        self.keys.of(Role::Next, self.algorithm())
    }

    /// A key that nobody has published. Its name is that of the published one.
    pub(crate) fn stranger(&self) -> &Key {
        self.keys.of(Role::Stranger, self.algorithm())
    }

    /// A good token, to be changed.
    pub(crate) fn token(&self) -> Token<'_> {
        self.token_of(self.key())
    }

    pub(crate) fn token_of<'k>(&self, key: &'k Key) -> Token<'k> {
        let tokens = &self.target.tokens;
        let now = self.now();
        let mut token = Token::new(key)
            .header("typ", tokens.kind.as_deref().unwrap_or(if tokens.rfc9068 { "at+jwt" } else { "JWT" }))
            .claim("iss", self.issuer())
            .claim("sub", "kit-user")
            .claim("aud", tokens.audience.as_str())
            .claim("exp", now + 600)
            .claim("nbf", now - 600)
            .claim("iat", now - 600)
            .claim("jti", format!("kit-{now}-{:016x}", nonce()))
            .claim("client_id", "kit-client");
        for (name, value) in &tokens.claims {
            token = token.claim(name, value.clone());
        }
        if let Some(scope) = &self.target.scope {
            token = token.claim("scope", scope.scope.as_str());
        }
        token
    }

    pub(crate) fn good(&self) -> String {
        self.token().compact()
    }

    /// A request without credentials.
    pub(crate) fn bare(&self) -> Request {
        let place = self.target.place();
        Request {
            method: "GET".to_owned(),
            path: place.path.clone(),
            host: place.host.clone(),
            fields: Vec::new(),
            body: Vec::new(),
        }
    }

    /// A request with that token where the server looks for it.
    pub(crate) fn with(&self, token: impl AsRef<str>) -> Request {
        match &self.target.cookie {
            Some(cookie) if cookie.only => self.cookie(token),
            _ => self.bare().bearer(token),
        }
    }

    pub(crate) fn cookie(&self, token: impl AsRef<str>) -> Request {
        let name = self.target.cookie.as_ref().map_or("access_token", |cookie| &cookie.name);
        self.bare().field("Cookie", format!("{name}={}", token.as_ref()))
    }

    /// The keys that the target knows, as it should be.
    pub(crate) fn reset(&self) {
        self.provider.reset(&self.issuer(), &self.keys.jwks());
    }

    pub(crate) fn publish(&self, jwks: Vec<serde_json::Value>) {
        self.provider.publish(&json!({ "keys": jwks }));
    }
}

/// Another number each time.
pub(crate) fn nonce() -> u64 {
    let mut bytes = [0; 8];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system has random numbers");
    u64::from_le_bytes(bytes)
}
