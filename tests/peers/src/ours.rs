//! All that is ours: how an authenticator is made, and how it is asked.

use jwt_core::{Algorithm, Authenticator, AuthenticatorBuilder, KeySet, TokenCache, VerifiedToken, VerifyingKey};

use crate::tokens::{AUDIENCE, ISSUER, Key, User};

/// Whether verified tokens are remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Cold,
    Cached,
}

impl Mode {
    pub(crate) const BOTH: [Self; 2] = [Self::Cold, Self::Cached];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::Cached => "cached",
        }
    }
}

/// Behind one scope guard as well, in the same layer of the framework.
pub(crate) const GUARDED: &str = "ours, one scope guard";
/// The same with the guard in a layer of its own.
pub(crate) const GUARDED_APART: &str = "ours, one scope guard in a layer of its own";
/// The scope that the guards ask for.
pub(crate) const GUARDED_SCOPE: &str = "read:reports";

/// Whether a row is ours.
pub(crate) fn is_ours(implementation: &str) -> bool {
    matches!(implementation, "ours" | GUARDED | GUARDED_APART)
}

/// The bound of the cache in bytes: the default.
pub(crate) const CACHE_BOUND: Option<usize> = Some(16 * 1024 * 1024);

/// An authenticator for tokens of that algorithm, with every check that the peers are asked for as well.
pub(crate) fn authenticator(algorithm: Algorithm, keys: &[Key], mode: Mode) -> Authenticator<User> {
    builder(algorithm, keys, mode).build().expect("an authenticator")
}

/// The same, for more settings.
pub(crate) fn builder(algorithm: Algorithm, keys: &[Key], mode: Mode) -> AuthenticatorBuilder<User> {
    let keys = keys.iter().map(|key| verifying_key(algorithm, key));
    let builder = Authenticator::builder().keys(KeySet::new(keys).expect("keys")).issuer(ISSUER).audience(AUDIENCE);
    let builder = builder.scopes(|user: &User| &user.scope);
    match mode {
        Mode::Cold => builder,
        Mode::Cached => builder.cache(TokenCache::new()),
    }
}

/// Proves a bare token, as every request does.
pub(crate) fn verify(authenticator: &Authenticator<User>, token: &str) -> Option<VerifiedToken<User>> {
    authenticator.verifier().verify(token).ok()
}

fn verifying_key(algorithm: Algorithm, key: &Key) -> VerifyingKey {
    let verifying = if key.secret.is_empty() {
        VerifyingKey::pem(algorithm, &key.public_pem)
    } else {
        VerifyingKey::secret(algorithm, &key.secret)
    };
    verifying.expect("a key").with_kid(key.kid.as_str())
}
