//! `cnf`: the key of its client that a token is bound to (RFC 7800), and how that key was shown.

use std::fmt;
use std::sync::OnceLock;

use serde::Deserialize;

use crate::base64url;

/// SHA-256 over what identifies a key: the JWK (RFC 7638) or the certificate (RFC 8705 §3.1). Or over a token.
pub(crate) type Thumbprint = [u8; 32];

/// What `cnf` names. Neither, where it names nothing that can be checked here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Confirmation {
    /// `jkt`, the key of the proofs (RFC 9449 §6.1).
    pub(crate) proof_key: Option<Thumbprint>,
    /// `x5t#S256`, the certificate of the connection (RFC 8705 §3.1).
    pub(crate) certificate: Option<Thumbprint>,
    /// `dbsc`, the key of the browser by which the login was refreshed that the token is of. No standard names it yet.
    pub(crate) device_key: Option<Thumbprint>,
    token_hash: OnceLock<Option<Thumbprint>>,
}

#[derive(Deserialize)]
struct Claims {
    cnf: Members,
}

/// Other members than these are ignored (RFC 7800 §3.1).
#[derive(Deserialize)]
struct Members {
    jkt: Option<String>,
    #[serde(rename = "x5t#S256")]
    certificate: Option<String>,
    dbsc: Option<String>,
}

impl Confirmation {
    /// Of claims that were read before and have `cnf`. Where one of its members is not what its standard says, neither counts.
    pub(crate) fn of_claims(json: &str) -> Self {
        let Ok(Claims { cnf: Members { jkt, certificate, dbsc } }) = serde_json::from_str(json) else {
            return Self::default();
        };
        let keys = [jkt, certificate, dbsc].map(|member| member.as_deref().map(thumbprint));
        if keys.contains(&Some(None)) {
            return Self::default();
        }
        let [proof_key, certificate, device_key] = keys.map(Option::flatten);
        Self { proof_key, certificate, device_key, ..Self::default() }
    }

    /// Whether it names the key of a browser alone, which was shown when the token was issued.
    pub(crate) fn is_by_device(&self) -> bool {
        self.device_key.is_some() && self.proof_key.is_none() && self.certificate.is_none()
    }

    /// What `ath` of a proof has to be (RFC 9449 §4.2), computed when it is first asked for and then kept beside the token.
    pub(crate) fn token_hash(&self, compute: impl FnOnce() -> Option<Thumbprint>) -> Option<&Thumbprint> {
        self.token_hash.get_or_init(compute).as_ref()
    }
}

/// From its base64url.
pub(crate) fn thumbprint(text: &str) -> Option<Thumbprint> {
    base64url::decode(text.as_bytes())?.try_into().ok()
}

/// How the sender of a token has shown that it is theirs.
///
/// `token.possession()` in a handler says so; `Require::bound()` demands one.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Possession(u8);

impl Possession {
    /// Not at all: it is a bearer token, good for whoever holds it (RFC 6750 §1.2).
    pub const BEARER: Self = Self(0);
    const DPOP: u8 = 1;
    const CERTIFICATE: u8 = 2;
    const WANTS_NONCE: u8 = 4;
    const DEVICE: u8 = 8;

    pub(crate) const fn with_dpop(self, wants_nonce: bool) -> Self {
        Self(self.0 | Self::DPOP | if wants_nonce { Self::WANTS_NONCE } else { 0 })
    }

    pub(crate) const fn with_certificate(self) -> Self {
        Self(self.0 | Self::CERTIFICATE)
    }

    pub(crate) const fn with_device(self) -> Self {
        Self(self.0 | Self::DEVICE)
    }

    /// It is time for another nonce.
    pub(crate) const fn wants_nonce(self) -> bool {
        self.0 & Self::WANTS_NONCE != 0
    }

    /// By a proof that is signed for this request, with the key that the token is bound to (RFC 9449).
    pub const fn by_dpop(self) -> bool {
        self.0 & Self::DPOP != 0
    }

    /// By the certificate of the connection, which the token is bound to (RFC 8705).
    pub const fn by_certificate(self) -> bool {
        self.0 & Self::CERTIFICATE != 0
    }

    /// By a browser that holds the key of its login (Device Bound Session Credentials): it was shown when the token was issued,
    /// and not again with this request. A copy of the token is good until it expires, and yields no other one.
    pub const fn by_device(self) -> bool {
        self.0 & Self::DEVICE != 0
    }

    /// In one of these ways, so that the token alone is of no use to a thief, or not for long.
    pub const fn is_bound(self) -> bool {
        self.by_dpop() || self.by_certificate() || self.by_device()
    }
}

impl fmt::Debug for Possession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Possession")
            .field("dpop", &self.by_dpop())
            .field("certificate", &self.by_certificate())
            .field("device", &self.by_device())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JKT: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
    const CERTIFICATE: &str = "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0";

    #[test]
    fn members_are_read_and_others_ignored() {
        let read = |cnf: &str| Confirmation::of_claims(&format!(r#"{{"a":1,"cnf":{cnf}}}"#));
        let both = read(&format!(r#"{{"x5t#S256":"{CERTIFICATE}","jkt":"{JKT}","kid":"k"}}"#));
        assert!(both.proof_key == thumbprint(JKT) && both.certificate == thumbprint(CERTIFICATE));
        assert!(both.proof_key.is_some() && both.certificate.is_some());
        let one = read(&format!(r#"{{"jkt":"{JKT}"}}"#));
        assert!(one.proof_key.is_some() && one.certificate.is_none());
        let device = read(&format!(r#"{{"dbsc":"{JKT}"}}"#));
        assert!(device.is_by_device() && device.device_key == thumbprint(JKT));
        assert!(!read(&format!(r#"{{"dbsc":"{JKT}","jkt":"{JKT}"}}"#)).is_by_device());
    }

    #[test]
    fn what_cannot_be_checked_names_nothing() {
        for cnf in [
            "null",
            "1",
            "\"x\"",
            "[]",
            "{}",
            r#"{"kid":"k"}"#,
            r#"{"jkt":null}"#,
            r#"{"jkt":1}"#,
            r#"{"jkt":"short"}"#,
            &format!(r#"{{"jkt":"{JKT}="}}"#),
            &format!(r#"{{"jkt":"{JKT}","x5t#S256":"short"}}"#),
            &format!(r#"{{"jkt":"{JKT}","x5t#S256":7}}"#),
            r#"{"dbsc":"short"}"#,
            &format!(r#"{{"jkt":"{JKT}","dbsc":"short"}}"#),
        ] {
            assert_eq!(Confirmation::of_claims(&format!(r#"{{"cnf":{cnf}}}"#)), Confirmation::default(), "{cnf}");
        }
    }
}
