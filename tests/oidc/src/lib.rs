//! What the tests of fetched keys are made of: keys that sign and can be published, a key server that does whatever it
//! is told to, and a client that never touches a network.

mod authlib;
mod glewlwyd;
mod logins;
mod people;
mod provider;
mod scripted;
mod server;

use std::time::{Duration, Instant, SystemTime};

use acceptance::{AUDIENCE, User};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use jwt_core::{Algorithm, Authenticator, AuthenticatorBuilder, SigningKey};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

pub use authlib::Authlib;
pub use glewlwyd::Glewlwyd;
pub use logins::{Browser, LoginProvider, Tokens};
pub use people::{Client, PeopleProvider, Visitor};
pub use provider::{Provider, ResourceServer};
pub use scripted::Scripted;
pub use server::{KeyServer, Reply, Request};

/// A key that signs by ES256, and its public half.
#[derive(Debug, Clone)]
pub struct Key {
    /// Its name.
    pub kid: String,
    /// The public half as it stands in a JWK Set.
    pub jwk: Value,
    signing: SigningKey,
}

impl Key {
    /// A new one.
    ///
    /// # Panics
    /// Where there is no randomness to be had.
    pub fn new(kid: &str) -> Self {
        let document = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key can be generated");
        let point = document.public_key().as_ref().to_vec();
        let der = document.to_pkcs8v1().expect("it can be written");
        let text = base64_simd::STANDARD.encode_to_string(der.as_ref());
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n");
        let (x, y) = (acceptance::base64url(&point[1..33]), acceptance::base64url(&point[33..]));
        let jwk = json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": kid, "x": x, "y": y});
        let signing = SigningKey::pem(Algorithm::ES256, pem).expect("it can be read").with_kid(kid);
        Self { kid: kid.to_owned(), jwk, signing }
    }

    /// What signs.
    pub fn signing(&self) -> &SigningKey {
        &self.signing
    }

    /// A token of that issuer for Alice, good for an hour.
    ///
    /// # Panics
    /// Never, since its claims are an object.
    pub fn token(&self, issuer: &str) -> String {
        self.signing.sign(&claims(issuer)).expect("the claims are an object")
    }

    /// The same as an access token of RFC 9068.
    ///
    /// # Panics
    /// Never, since its claims are an object.
    pub fn access_token(&self, issuer: &str) -> String {
        let mut claims = claims(issuer);
        (claims["client_id"], claims["jti"]) = ("robot".into(), "1".into());
        self.signing.clone().with_typ("at+jwt").sign(&claims).expect("the claims are an object")
    }

    /// The same under another name for the key, which it is not.
    ///
    /// # Panics
    /// Never, since its claims are an object.
    pub fn token_named(&self, kid: &str, issuer: &str) -> String {
        Self { signing: self.signing.clone().with_kid(kid), ..self.clone() }.token(issuer)
    }
}

fn claims(issuer: &str) -> Value {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    json!({"iss": issuer, "aud": AUDIENCE, "sub": "alice", "name": "Alice", "iat": now, "exp": now + 3600})
}

/// A JWK Set of these keys.
pub fn jwks<'k>(keys: impl IntoIterator<Item = &'k Key>) -> String {
    let keys: Vec<&Value> = keys.into_iter().map(|key| &key.jwk).collect();
    json!({"keys": keys}).to_string()
}

/// An authenticator that expects the audience of the suite.
pub fn builder() -> AuthenticatorBuilder<User> {
    Authenticator::builder().audience(AUDIENCE)
}

/// Waits until something has come about, with patience enough for a busy machine.
///
/// # Panics
/// Where it does not.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what} did not come about");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The status of the answer to a request with this token, however long it takes.
///
/// # Panics
/// Never, since a token can stand in a header field.
pub async fn status<C>(auth: &Authenticator<C>, token: &str) -> u16
where
    C: DeserializeOwned + Clone + Send + Sync + 'static,
{
    let outcome = match auth.outcome(&bearer(token)) {
        Ok(outcome) => outcome,
        Err(pending) => pending.await,
    };
    outcome.result().map_or_else(|error| auth.answer(&error).status.as_u16(), |_| 200)
}

/// The same where the answer needs no waiting for.
pub fn at_once(auth: &Authenticator<User>, token: &str) -> Option<u16> {
    let outcome = auth.outcome(&bearer(token)).ok()?;
    Some(outcome.result().map_or_else(|error| auth.answer(&error).status.as_u16(), |_| 200))
}

fn bearer(token: &str) -> http::Request<()> {
    let request = http::Request::get("/me").header("authorization", format!("Bearer {token}"));
    request.body(()).expect("a token can stand in a header field")
}
