use std::time::Duration;

use crate::claims::ClaimsType;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::issuer::TestIssuer;
use crate::base64url;
use crate::binding::DpopKey;
use crate::clock::Clock;
use crate::verify::VerifiedToken;

/// How long a token lives.
const HOUR: Duration = Duration::from_secs(3600);

/// A token in the making: a good one until it is changed, line by line, into the one that a test needs.
///
/// ```
/// # use jwt_core::testing::TestIssuer;
/// let issuer = TestIssuer::new();
/// let token = issuer.token("alice").claim("name", "Alice").claim("roles", ["admin"]).compact();
/// let expired = issuer.token("alice").expired().compact();
/// let forged = issuer.token("alice").signed_by_a_stranger().compact();
/// let header = issuer.token("alice").bearer(); // the value of an Authorization header
/// # let _ = (token, expired, forged, header);
/// ```
#[derive(Debug, Clone)]
#[must_use = "a token is made by `compact`, `bearer` or `verified`"]
pub struct TestToken {
    issuer: TestIssuer,
    header: Map<String, Value>,
    claims: Map<String, Value>,
    signature: Signature,
}

#[derive(Debug, Clone, Copy)]
enum Signature {
    Good,
    Stranger,
    None,
    OfOtherClaims,
}

impl TestToken {
    pub(super) fn new(issuer: TestIssuer, subject: &str) -> Self {
        let now = issuer.clock().now();
        let claims = json!({
            "iss": issuer.name(),
            "aud": issuer.audience(),
            "sub": subject,
            "iat": now.as_secs(),
            "exp": now.saturating_add(HOUR).as_secs(),
        });
        let Value::Object(claims) = claims else { unreachable!("an object was written") };
        Self { issuer, header: Map::new(), claims, signature: Signature::Good }
    }

    /// Sets a claim, registered ones included.
    ///
    /// # Panics
    /// Where the value does not serialize.
    pub fn claim(mut self, name: &str, value: impl Serialize) -> Self {
        self.claims.insert(name.to_owned(), serde_json::to_value(value).expect("a claim serializes"));
        self
    }

    /// Sets every claim that `claims` has.
    ///
    /// # Panics
    /// Where they do not serialize to a JSON object.
    pub fn claims(mut self, claims: impl Serialize) -> Self {
        match serde_json::to_value(claims) {
            Ok(Value::Object(claims)) => self.claims.extend(claims),
            _ => panic!("claims serialize to a JSON object"),
        }
        self
    }

    /// Leaves a claim out.
    pub fn without(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self
    }

    /// Sets a member of the header, such as `typ`, `kid` or `alg`. The key that signs stays the same.
    ///
    /// # Panics
    /// Where the value does not serialize.
    pub fn header(mut self, name: &str, value: impl Serialize) -> Self {
        self.header.insert(name.to_owned(), serde_json::to_value(value).expect("a header member serializes"));
        self
    }

    /// Bound to that key (RFC 9449 §6.1): good with a proof by it, and refused without one.
    ///
    /// ```
    /// # use jwt_core::Algorithm;
    /// # use jwt_core::testing::TestIssuer;
    /// use jwt_core::binding::DpopKey;
    ///
    /// # let issuer = TestIssuer::new();
    /// let key = DpopKey::generate(Algorithm::ES256)?;
    /// let token = issuer.token("alice").bound_to(&key).compact();
    /// let proof = key.proof("GET", "http://localhost/me").for_token(&token).sign()?;
    /// let request = http::Request::get("/me")
    ///     .header("host", "localhost")
    ///     .header("authorization", format!("DPoP {token}"))
    ///     .header("dpop", proof);
    /// # let _ = request;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn bound_to(self, key: &DpopKey) -> Self {
        self.claim("cnf", json!({"jkt": key.thumbprint()}))
    }

    /// Ended an hour ago, after an hour's life.
    pub fn expired(self) -> Self {
        let now = self.issuer.clock().now().as_secs();
        self.claim("iat", now.saturating_sub(2 * HOUR.as_secs())).claim("exp", now.saturating_sub(HOUR.as_secs()))
    }

    /// Begins in an hour and ends in two.
    pub fn not_yet_valid(self) -> Self {
        let now = self.issuer.clock().now();
        self.claim("nbf", now.saturating_add(HOUR).as_secs()).claim("exp", now.saturating_add(2 * HOUR).as_secs())
    }

    /// Ends after that much time.
    pub fn expires_in(self, life: Duration) -> Self {
        let end = self.issuer.clock().now().saturating_add(life).as_secs();
        self.claim("exp", end)
    }

    /// Made for somebody else.
    pub fn wrong_audience(self) -> Self {
        self.claim("aud", "somebody-else")
    }

    /// Says that it comes from somebody else, under this issuer's signature.
    pub fn wrong_issuer(self) -> Self {
        self.claim("iss", "https://somebody-else.test")
    }

    /// Signed by a key that nobody trusts, under the name of the one that is trusted.
    pub fn signed_by_a_stranger(mut self) -> Self {
        self.signature = Signature::Stranger;
        self
    }

    /// Not signed at all: `alg` is `none` and the signature empty (RFC 7519 §6).
    pub fn unsigned(mut self) -> Self {
        self.signature = Signature::None;
        self
    }

    /// Changed after it was signed.
    pub fn tampered(mut self) -> Self {
        self.signature = Signature::OfOtherClaims;
        self
    }

    /// The compact token.
    ///
    /// # Panics
    /// Where the backend cannot sign.
    pub fn compact(self) -> String {
        let (trusted, kid) = self.issuer.signing();
        let key = if matches!(self.signature, Signature::Stranger) { self.issuer.stranger() } else { trusted };
        let alg = if matches!(self.signature, Signature::None) { "none" } else { key.algorithm().as_str() };
        let mut header = Map::new();
        header.insert("alg".to_owned(), alg.into());
        header.insert("typ".to_owned(), "JWT".into());
        header.insert("kid".to_owned(), kid.into());
        header.extend(self.header);

        let message = |claims: &Map<String, Value>| {
            let encode = |part: &Map<String, Value>| base64url::encode(json!(part).to_string());
            format!("{}.{}", encode(&header), encode(claims))
        };
        let message_sent = message(&self.claims);
        let message_signed = match self.signature {
            Signature::Good | Signature::Stranger => message_sent.clone(),
            Signature::None => return format!("{message_sent}."),
            Signature::OfOtherClaims => {
                let mut others = self.claims;
                others.insert("sub".to_owned(), "somebody-else".into());
                message(&others)
            }
        };
        let signature = key.signature(message_signed.as_bytes()).expect("the backend signs");
        format!("{message_sent}.{}", base64url::encode(signature))
    }

    /// The value of an `Authorization` header with the token (RFC 6750 §2.1).
    pub fn bearer(self) -> String {
        format!("Bearer {}", self.compact())
    }

    /// The token as a handler gets it, verified by the issuer's own keys: for unit tests of handlers.
    /// [`VerifiedToken::for_test`] is for those that need no more than the application's claims.
    ///
    /// # Panics
    /// Where the token is not good, or its claims do not fit the type.
    pub fn verified<C: ClaimsType>(self) -> VerifiedToken<C> {
        let verifier = self.issuer.builder().build_verifier().expect("the issuer's builder is complete");
        verifier.verify(self.compact()).expect("the token is good")
    }
}
