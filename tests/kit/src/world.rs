//! What a case makes its requests of: the target, the keys, the authorization server, the time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::base64url;
use crate::certificates::Identity;
use crate::keys::{Key, Keys, Role, sha256};
use crate::provider::{Page, Provider};
use crate::target::{Form, Target};
use crate::token::Token;
use crate::wire::{self, Over, Request};

pub(crate) struct World {
    pub(crate) target: Target,
    pub(crate) keys: Arc<Keys>,
    pub(crate) provider: Provider,
    /// What a client signs proofs with, and what a thief does.
    proofs: Option<Arc<Keys>>,
    /// The last nonce that the server gave, and when.
    nonce: Mutex<Option<(String, Instant)>>,
}

/// Nonces are used for so long.
const NONCE: Duration = Duration::from_secs(15);

impl World {
    pub(crate) fn new(target: Target, keys: Arc<Keys>, provider: Provider) -> Result<Self, String> {
        let algorithm =
            |name: &str| crate::keys::ALGORITHMS.into_iter().find(|known| *known == name).unwrap_or("ES256");
        let proofs = match &target.dpop {
            Some(dpop) => Some(Arc::new(Keys::new(&[algorithm(&dpop.algorithm)])?)),
            None => None,
        };
        if let Some(mtls) = &target.mtls {
            let certificates = keys.certificates()?;
            let ca = mtls.ca.as_ref().map(|file| target.directory.join(file));
            let read = |file: std::path::PathBuf| {
                std::fs::read_to_string(&file).map_err(|error| format!("mtls.ca: {}: {error}", file.display()))
            };
            certificates.connector(ca.map(read).transpose()?.as_deref(), None)?;
        }
        let world = Self { target, keys, provider, proofs, nonce: Mutex::default() };
        world.reset();
        Ok(world)
    }

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
        if self.is_bound() {
            token = token.claim("cnf", self.confirmation());
        }
        if self.is_certified() {
            token = token.claim("cnf", json!({"x5t#S256": self.certificates().0.thumbprint()}));
        }
        token
    }

    pub(crate) fn good(&self) -> String {
        match &self.target.introspection {
            Some(introspection) if introspection.only => self.opaque(&self.description()),
            _ => self.token().compact(),
        }
    }

    /// A request without credentials.
    pub(crate) fn bare(&self) -> Request {
        match &self.target.mcp {
            Some(mcp) if mcp.only => crate::groups::first_message(self.get()),
            _ => self.get(),
        }
    }

    /// A GET without credentials.
    pub(crate) fn get(&self) -> Request {
        let place = self.target.place();
        Request {
            method: "GET".to_owned(),
            path: place.path.clone(),
            host: place.host.clone(),
            fields: Vec::new(),
            body: Vec::new(),
            over: Over::Plain,
        }
    }

    /// A request with that token where the server looks for it.
    pub(crate) fn with(&self, token: impl AsRef<str>) -> Request {
        match &self.target.cookie {
            Some(cookie) if cookie.only => self.cookie(token),
            _ if self.is_bound() => self.shown(token.as_ref(), &self.proof(token.as_ref()).compact()),
            _ if self.is_certified() => self.over_tls(Some(self.certificates().0)).bearer(token),
            _ => self.bare().bearer(token),
        }
    }

    pub(crate) fn cookie(&self, token: impl AsRef<str>) -> Request {
        let name = self.target.cookie.as_ref().map_or("access_token", |cookie| &cookie.name);
        self.bare().field("Cookie", format!("{name}={}", token.as_ref()))
    }

    /// The keys that the target knows, as it should be.
    pub(crate) fn reset(&self) {
        let client = self.target.introspection.as_ref();
        let client = client.map(|client| (client.client_id.clone(), client.client_secret.clone()));
        self.provider.reset(&self.issuer(), &self.keys.jwks(), client);
    }

    pub(crate) fn publish(&self, jwks: Vec<Value>) {
        self.provider.publish(&json!({ "keys": jwks }));
    }
}

// Tokens that are bound by DPoP.
impl World {
    /// Whether every token has to be bound.
    fn is_bound(&self) -> bool {
        self.target.dpop.as_ref().is_some_and(|dpop| dpop.only)
    }

    fn proofs(&self) -> &Keys {
        self.proofs.as_deref().unwrap_or(&self.keys)
    }

    /// What the client signs proofs with.
    pub(crate) fn proof_key(&self) -> &Key {
        &self.proofs().published()[0]
    }

    /// A key that no token is bound to.
    pub(crate) fn other_proof_key(&self) -> &Key {
        let proofs = self.proofs();
        proofs.of(Role::Stranger, proofs.published()[0].algorithm)
    }

    /// What binds a token to the key of proofs. RFC 9449 §6.1.
    pub(crate) fn confirmation(&self) -> Value {
        json!({ "jkt": self.proof_key().thumbprint() })
    }

    /// A good token that is bound, to be changed.
    pub(crate) fn bound(&self) -> Token<'_> {
        self.token().claim("cnf", self.confirmation())
    }

    /// The address that a proof is for. RFC 9449 §4.2: without query and fragment.
    pub(crate) fn htu(&self) -> String {
        let place = self.target.place();
        let named = self.target.dpop.as_ref().and_then(|dpop| dpop.origin.clone());
        let origin = named.unwrap_or_else(|| format!("http://{}", place.host));
        format!("{}{}", origin.trim_end_matches('/'), place.path.split('?').next().unwrap_or("/"))
    }

    /// A good proof for a GET with that token, to be changed. RFC 9449 §4.2.
    pub(crate) fn proof(&self, token: &str) -> Token<'_> {
        let proof = self.proof_without_nonce(token);
        match self.nonce() {
            Some(nonce) => proof.claim("nonce", nonce),
            None => proof,
        }
    }

    pub(crate) fn proof_without_nonce(&self, token: &str) -> Token<'_> {
        let key = self.proof_key();
        Token::new(key)
            .no_header("kid")
            .header("typ", "dpop+jwt")
            .header("jwk", key.public())
            .claim("jti", format!("kit-{:016x}{:016x}", nonce(), nonce()))
            .claim("htm", "GET")
            .claim("htu", self.htu())
            .claim("iat", self.now())
            .claim("ath", base64url::encode(sha256(token.as_bytes())))
    }

    /// A request with that token and that proof.
    pub(crate) fn shown(&self, token: &str, proof: &str) -> Request {
        self.bare().field("Authorization", format!("DPoP {token}")).field("DPoP", proof)
    }

    /// The nonce of the server, where it demands one; it is asked for one first.
    fn nonce(&self) -> Option<String> {
        if !self.target.dpop.as_ref().is_some_and(|dpop| dpop.nonce) {
            return None;
        }
        if let Some(nonce) = self.known_nonce() {
            return Some(nonce);
        }
        let token = self.bound().compact();
        let request = self.shown(&token, &self.proof_without_nonce(&token).compact()).bytes();
        if let Ok(answer) = wire::exchange(self.target.place().address, &request, false, Duration::from_secs(2)) {
            self.keep_nonce(&answer);
        }
        Some(self.known_nonce().unwrap_or_else(|| "the-nonce-of-the-server".to_owned()))
    }

    fn known_nonce(&self) -> Option<String> {
        let known = self.nonce.lock().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().filter(|(_, at)| at.elapsed() < NONCE).map(|(nonce, _)| nonce.clone())
    }

    /// Remembers the nonce of an answer.
    pub(crate) fn keep_nonce(&self, answer: &wire::Answer) {
        if let Some(nonce) = answer.first("dpop-nonce") {
            *self.nonce.lock().unwrap_or_else(PoisonError::into_inner) = Some((nonce.to_owned(), Instant::now()));
        }
    }
}

// Tokens that are bound to certificates.
impl World {
    /// Whether every token has to be bound to one.
    fn is_certified(&self) -> bool {
        self.target.mtls.as_ref().is_some_and(|mtls| mtls.only)
    }

    /// The certificate that tokens are bound to, and another one.
    pub(crate) fn certificates(&self) -> (&Identity, &Identity) {
        let made = self.keys.certificates().expect("they were made when the world was");
        (&made.client, &made.other)
    }

    /// A request on a connection with that certificate, or without one.
    pub(crate) fn over_tls(&self, shown: Option<&Identity>) -> Request {
        let mut request = self.bare();
        let Some(mtls) = &self.target.mtls else {
            return request;
        };
        if let (Some(field), Some(identity)) = (&mtls.field, shown) {
            let text = match mtls.form {
                Form::Pem => percent_encoded(&identity.certificate),
                Form::Rfc9440 => format!(":{}:", identity.base64()),
            };
            return request.field(field, text);
        }
        if let (Some(place), Ok(certificates)) = (&mtls.place, self.keys.certificates()) {
            let ca = mtls.ca.as_ref().map(|file| self.target.directory.join(file));
            let ca = ca.and_then(|file| std::fs::read_to_string(file).ok());
            if let Ok(config) = certificates.connector(ca.as_deref(), shown) {
                let shown = match shown {
                    None => " --cacert CA.pem",
                    Some(_) => " --cacert CA.pem --cert client.pem --key client.key",
                };
                request.over = Over::Tls { address: place.address, config, shown };
                request.host.clone_from(&place.host);
                request.path.clone_from(&place.path);
            }
        }
        request
    }
}

/// As nginx escapes a certificate.
fn percent_encoded(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().fold(String::new(), |made, byte| {
        if is_plain(byte) { made + char::from(byte).encode_utf8(&mut [0; 4]) } else { made + &format!("%{byte:02X}") }
    })
}

// Tokens that the server has to ask about.
impl World {
    /// What the kit says of a good token. RFC 7662 §2.2.
    pub(crate) fn description(&self) -> Value {
        let tokens = &self.target.tokens;
        let now = self.now();
        let mut description = json!({
            "active": true,
            "token_type": "Bearer",
            "iss": self.issuer(),
            "sub": "kit-user",
            "aud": tokens.audience,
            "exp": now + 600,
            "nbf": now - 600,
            "iat": now - 600,
            "jti": format!("kit-{:016x}", nonce()),
            "client_id": "kit-client",
        });
        for (name, value) in &tokens.claims {
            description[name] = value.clone();
        }
        if let Some(scope) = &self.target.scope {
            description["scope"] = json!(scope.scope);
        }
        description
    }

    /// A new token that the kit says that of.
    pub(crate) fn opaque(&self, description: &Value) -> String {
        self.opaque_page(Page::json(description))
    }

    /// A new token that the kit answers that about.
    pub(crate) fn opaque_page(&self, page: Page) -> String {
        let token = format!("kit-opaque-{:016x}{:016x}", nonce(), nonce());
        self.provider.describe(&token, page);
        token
    }
}

/// Another number each time.
pub(crate) fn nonce() -> u64 {
    let mut bytes = [0; 8];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system has random numbers");
    u64::from_le_bytes(bytes)
}
