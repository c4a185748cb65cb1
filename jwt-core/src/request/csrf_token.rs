//! Tokens against cross-site request forgery.

use std::fmt;
use std::sync::Arc;

use http::HeaderName;

use crate::base64url;
use crate::key::algorithm::Algorithm;
use crate::key::crypto::{self, Material, PrivateKey, PublicKey};
use crate::key::{KeyError, SigningError, check_secret};

/// Tokens against cross-site request forgery, each bound to one access token: the signed double submit of OWASP, for
/// clients and proxies that bring neither `Sec-Fetch-Site` nor `Origin`.
///
/// A page reads the token from a cookie that only pages of its own origin can read, and sends it back in the header
/// `X-CSRF-Token`. A page of another site can do neither; and a token of another sign-in, planted by whoever controls a
/// neighbouring host, is of no use, since each is an HMAC over the `jti` of the access token that it goes with.
///
/// ```
/// use jwt_core::{CsrfTokens, LoginCookies};
///
/// let csrf = CsrfTokens::new(b"another secret of thirty-two bytes, or more")?;
/// let cookies = LoginCookies::builder().csrf(&csrf).build()?; // set at login, beside the access token
/// # let key = jwt_core::SigningKey::secret(jwt_core::Algorithm::HS256, [1; 32])?;
/// # let issuer = jwt_core::Issuer::builder("i").audience("a").signing_key(key).build()?;
/// let auth = issuer.authenticator::<()>().source(cookies.source()).csrf(&csrf).build()?; // required by the middleware
/// # let _ = auth;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The secret is one of its own, the same on every instance. If it changes, pages have to be loaded again.
#[derive(Clone)]
pub struct CsrfTokens(Arc<Keys>);

struct Keys {
    sign: PrivateKey,
    verify: PublicKey,
}

/// Nothing else that is signed with a secret begins like this, should somebody use one secret for several things.
const PURPOSE: &[u8] = b"csrf token\0";
const SALT: usize = 16;

impl CsrfTokens {
    pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-csrf-token");

    /// With a secret of at least 32 bytes.
    pub fn new(secret: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        let (algorithm, secret) = (Algorithm::HS256, secret.as_ref());
        check_secret(algorithm, secret)?;
        let sign = PrivateKey::secret(algorithm, secret)?;
        let verify = PublicKey::new(algorithm, &Material::Secret(secret))?;
        Ok(Self(Arc::new(Keys { sign, verify })))
    }

    /// A new token for whoever holds the access token of that `jti`. Letters, digits, `-` and `_`.
    ///
    /// # Errors
    /// Where the operating system gives no random numbers.
    pub fn token_for(&self, token_id: &str) -> Result<String, SigningError> {
        let salt = crypto::random::<SALT>().ok_or(SigningError::Failed)?;
        let tag = self.0.sign.sign(&message(salt, token_id))?;
        Ok(base64url::encode([&salt[..], &tag].concat()))
    }

    /// Whether a token was made for the access token of that `jti`. For forms, whose fields the middleware does not
    /// see; compares in constant time.
    pub fn is_good(&self, token: impl AsRef<[u8]>, token_id: &str) -> bool {
        let mut buffer = [0; SALT + 32];
        let bytes = base64url::decode_into(token.as_ref(), &mut buffer);
        let parts = bytes.and_then(|bytes| bytes.split_first_chunk::<SALT>());
        parts.is_some_and(|(salt, tag)| self.0.verify.verify(&message(*salt, token_id), tag))
    }
}

/// What is signed. The salt has a fixed length, so that nothing can move between it and the name.
fn message(salt: [u8; SALT], token_id: &str) -> Vec<u8> {
    [PURPOSE, &salt, token_id.as_bytes()].concat()
}

impl fmt::Debug for CsrfTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CsrfTokens([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_its_access_token_under_its_secret_and_for_nothing_else() {
        let csrf = CsrfTokens::new([1; 32]).unwrap();
        let token = csrf.token_for("t1").unwrap();
        assert!(csrf.is_good(&token, "t1"));
        assert_ne!(token, csrf.token_for("t1").unwrap());
        assert!(!csrf.is_good(&token, "t2") && !csrf.is_good(&token, ""));
        assert!(!CsrfTokens::new([2; 32]).unwrap().is_good(&token, "t1"));
        for at in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            assert!(!csrf.is_good(&changed, "t1"), "{at}");
        }
        for strange in ["", "A", &token[1..], &token[..token.len() - 1], &format!("{token}A"), &token.repeat(1000)] {
            assert!(!csrf.is_good(strange, "t1"), "{}", strange.len());
        }
    }

    #[test]
    fn a_short_secret_is_refused() {
        assert!(matches!(CsrfTokens::new([1; 31]), Err(KeyError::WeakSecret { needed: 32, .. })));
    }
}
