//! Proofs of possession that this side makes, as the client of another service or in a test.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::base64url;
use crate::clock::{Clock, NumericDate, SystemClock};
use crate::key::algorithm::Algorithm;
use crate::key::crypto;
use crate::key::public_jwk::PublicJwk;
use crate::key::{KeyError, SigningError, SigningKey};

/// A key pair by which proofs for DPoP are signed (RFC 9449 §4): for tokens that are bound to it, sent by this application.
/// Cheap to clone.
///
/// ```
/// use jwt_core::Algorithm;
/// use jwt_core::binding::DpopKey;
///
/// let key = DpopKey::generate(Algorithm::ES256)?;
/// let token = "…"; // bound to key.thumbprint() by `cnf.jkt`
/// let proof = key.proof("GET", "https://api.example.com/things").for_token(token).sign()?;
/// let request = http::Request::get("https://api.example.com/things")
///     .header("authorization", format!("DPoP {token}"))
///     .header("dpop", proof);
/// # let _ = request;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct DpopKey(Arc<Key>);

struct Key {
    signing: SigningKey,
    /// The first segment of every proof, with a dot behind it.
    header: String,
    thumbprint: String,
}

impl DpopKey {
    /// A new key pair, which ends with the process, as the tokens that are bound to it should. The pure-Rust backend makes none
    /// for RSA and ES512.
    pub fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        Self::new(SigningKey::ephemeral(algorithm)?)
    }

    /// Of a key pair that was loaded.
    ///
    /// # Errors
    /// [`KeyError::WrongKind`] for a secret.
    pub fn new(signing: SigningKey) -> Result<Self, KeyError> {
        #[derive(Serialize)]
        struct Header<'a> {
            typ: &'static str,
            alg: &'static str,
            jwk: &'a PublicJwk,
        }
        let algorithm = signing.algorithm();
        let wrong = || KeyError::WrongKind(algorithm);
        let jwk = PublicJwk::of(&signing).ok_or_else(wrong)?;
        let thumbprint = jwk.thumbprint().ok_or_else(wrong)?;
        let header = Header { typ: "dpop+jwt", alg: algorithm.as_str(), jwk: &jwk };
        let header = base64url::encode(serde_json::to_vec(&header).map_err(|_| wrong())?) + ".";
        Ok(Self(Arc::new(Key { signing, header, thumbprint })))
    }

    /// The thumbprint of the public key (RFC 7638): what `cnf.jkt` of a token is that is bound to it (RFC 9449 §6.1).
    pub fn thumbprint(&self) -> &str {
        &self.0.thumbprint
    }

    #[allow(dead_code, reason = "for the feature `oidc`")]
    pub(crate) fn algorithm(&self) -> &'static str {
        self.0.signing.algorithm().as_str()
    }

    /// A proof for a request with this method to this address, whose query and fragment are left out (RFC 9449 §4.2).
    pub fn proof<'a>(&'a self, method: &'a str, url: &'a str) -> DpopProof<'a> {
        let htu = url.split(['?', '#']).next().unwrap_or_default();
        DpopProof { key: self, htm: method, htu, token: None, nonce: None, at: None, id: None }
    }
}

/// A proof that is about to be signed.
#[must_use]
pub struct DpopProof<'a> {
    key: &'a DpopKey,
    htm: &'a str,
    htu: &'a str,
    token: Option<&'a str>,
    nonce: Option<&'a str>,
    at: Option<NumericDate>,
    id: Option<&'a str>,
}

impl<'a> DpopProof<'a> {
    /// For a request with this token: its hash becomes `ath`. Without it, the proof is one for a token endpoint.
    pub fn for_token(self, token: &'a str) -> Self {
        Self { token: Some(token), ..self }
    }

    /// With the nonce that the service has sent in `DPoP-Nonce`.
    pub fn nonce(self, nonce: &'a str) -> Self {
        Self { nonce: Some(nonce), ..self }
    }

    /// Signed at that moment, by `iat`. Now.
    pub fn issued_at(self, moment: NumericDate) -> Self {
        Self { at: Some(moment), ..self }
    }

    /// With that `jti`, which no other proof of the key may have. Sixteen random bytes.
    pub fn id(self, id: &'a str) -> Self {
        Self { id: Some(id), ..self }
    }

    /// The proof, to be sent in the field `DPoP`. It is good once, and soon.
    ///
    /// # Errors
    /// Where the operating system gives no random numbers.
    pub fn sign(self) -> Result<String, SigningError> {
        #[derive(Serialize)]
        struct Claims<'a> {
            jti: &'a str,
            htm: &'a str,
            htu: &'a str,
            iat: u64,
            #[serde(skip_serializing_if = "Option::is_none")]
            ath: Option<String>,
            #[serde(skip_serializing_if = "Option::is_none")]
            nonce: Option<&'a str>,
        }
        let id;
        let jti = if let Some(id) = self.id {
            id
        } else {
            id = base64url::encode(crypto::random::<16>().ok_or(SigningError::Failed)?);
            &id
        };
        let ath = self.token.map(|token| base64url::encode(crypto::sha256(token.as_bytes())));
        let iat = self.at.unwrap_or_else(|| SystemClock.now()).as_secs();
        let claims = Claims { jti, htm: self.htm, htu: self.htu, iat, ath, nonce: self.nonce };
        let claims = serde_json::to_vec(&claims).map_err(|_| SigningError::Claims)?;
        let Key { signing, header, .. } = &*self.key.0;
        let message = [header, &*base64url::encode(claims)].concat();
        let signature = base64url::encode(signing.signature(message.as_bytes())?);
        Ok([&*message, ".", &signature].concat())
    }
}

impl fmt::Debug for DpopKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Key { signing, thumbprint, .. } = &*self.0;
        f.debug_struct("DpopKey")
            .field("algorithm", &signing.algorithm())
            .field("thumbprint", thumbprint)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for DpopProof<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DpopProof").field("htm", &self.htm).field("htu", &self.htu).finish_non_exhaustive()
    }
}
