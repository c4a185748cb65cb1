//! How this service authenticates at an endpoint of a provider, as its client (RFC 6749 §2.3).

use std::fmt;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use serde::Serialize;

use crate::base64url;
use crate::clock::{Clock, SystemClock};
use crate::key::{SigningKey, crypto};
use crate::transport::form::{append, encode_onto};

/// How long a client assertion is good, in seconds: one request.
const ASSERTION_LIFETIME: u64 = 60;
/// RFC 7523 §2.2.
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// `Debug` shows no secret.
#[derive(Clone)]
pub(crate) struct Credentials {
    pub(crate) id: String,
    pub(crate) method: Method,
}

#[derive(Clone)]
pub(crate) enum Method {
    /// In `Authorization` (RFC 6749 §2.3.1).
    Basic { secret: String },
    /// In the form (RFC 6749 §2.3.1).
    Post { secret: String },
    /// By a signature (RFC 7523 §2.2, OpenID Connect Core 1.0 §9).
    PrivateKey { key: SigningKey },
    /// By the certificate of the connection (RFC 8705 §2).
    MutualTls,
    /// Not at all (RFC 6749 §2.1).
    #[allow(dead_code, reason = "for the feature `oidc`")]
    Public,
}

impl Credentials {
    /// Whether the identifier or the secret is empty.
    pub(crate) fn are_empty(&self) -> bool {
        let no_secret = matches!(&self.method, Method::Basic { secret } | Method::Post { secret } if secret.is_empty());
        no_secret || self.id.is_empty()
    }

    /// Puts them into a request to whoever goes by the name of `audience`. `None` where no assertion could be signed, or the
    /// secret cannot be in a header field.
    pub(crate) fn put(&self, form: &mut String, fields: &mut HeaderMap, audience: &str) -> Option<()> {
        match &self.method {
            Method::Basic { secret } => {
                let mut pair = String::new();
                encode_onto(&mut pair, &self.id);
                pair.push(':');
                encode_onto(&mut pair, secret);
                let value = format!("Basic {}", base64_simd::STANDARD.encode_to_string(pair));
                let mut value = HeaderValue::try_from(value).ok()?;
                value.set_sensitive(true);
                fields.insert(AUTHORIZATION, value);
            }
            Method::Post { secret } => {
                append(form, "client_id", &self.id);
                append(form, "client_secret", secret);
            }
            Method::PrivateKey { key } => {
                append(form, "client_id", &self.id);
                append(form, "client_assertion_type", JWT_BEARER);
                append(form, "client_assertion", &self.assertion(key, audience)?);
            }
            Method::MutualTls | Method::Public => append(form, "client_id", &self.id),
        }
        Some(())
    }

    /// A token that says who asks (RFC 7523 §3). The real time counts, whatever clock the tokens of users are held against.
    fn assertion(&self, key: &SigningKey, audience: &str) -> Option<String> {
        #[derive(Serialize)]
        struct Claims<'a> {
            iss: &'a str,
            sub: &'a str,
            aud: &'a str,
            jti: String,
            iat: u64,
            exp: u64,
        }
        let (now, jti) = (SystemClock.now().as_secs(), base64url::encode(crypto::random::<16>()?));
        let (iss, exp) = (&*self.id, now.saturating_add(ASSERTION_LIFETIME));
        key.sign(&Claims { iss, sub: iss, aud: audience, jti, iat: now, exp }).ok()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let method = match &self.method {
            Method::Basic { .. } => "client_secret_basic",
            Method::Post { .. } => "client_secret_post",
            Method::PrivateKey { .. } => "private_key_jwt",
            Method::MutualTls => "tls_client_auth",
            Method::Public => "none",
        };
        f.debug_struct("Credentials").field("id", &self.id).field("method", &method).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifier_and_secret_are_encoded_before_they_are_joined() {
        let (mut form, mut fields) = (String::new(), HeaderMap::new());
        let method = Method::Basic { secret: "a:b c/é".into() };
        let credentials = Credentials { id: "api 1".into(), method };
        credentials.put(&mut form, &mut fields, "https://login.example.com").unwrap();
        // `api+1:a%3Ab+c%2F%C3%A9` (RFC 6749 §2.3.1, appendix B)
        let expected = "Basic YXBpKzE6YSUzQWIrYyUyRiVDMyVBOQ==";
        assert_eq!((form.as_str(), fields[AUTHORIZATION].to_str().unwrap()), ("", expected));
        assert!(fields[AUTHORIZATION].is_sensitive() && !format!("{credentials:?}").contains("a:b"));
    }
}
