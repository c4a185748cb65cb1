//! A key as its caller has it.

use std::fmt;

use super::{ApiKeyDigest, ApiKeyError};
use crate::base64url;
use crate::key::crypto;

/// How many random bytes a key has: more than anybody can guess, so that guesses need no limit.
const BYTES: usize = 32;
/// How many characters these are.
const CHARACTERS: usize = 43;
/// The longest prefix, in characters.
const LONGEST_PREFIX: usize = 32;

/// An API key as its caller has it: a prefix, `_`, and 256 random bits in base64url. Whoever has it can act as the caller, so
/// show it once, and keep its [digest](Self::digest). `Debug` does not show it.
#[derive(Clone)]
pub struct ApiKey(String);

impl ApiKey {
    /// A new key. The prefix is what people and secret scanners recognize it by, such as `acme` or `acme_live`: 2 to 32 lower
    /// case letters, digits and `_`, a letter first and no `_` last.
    ///
    /// # Errors
    /// [`ApiKeyError::Prefix`], and [`ApiKeyError::Random`] where the operating system gives no random numbers.
    pub fn generate(prefix: &str) -> Result<Self, ApiKeyError> {
        let prefix = checked(prefix)?;
        let random = crypto::random::<BYTES>().ok_or(ApiKeyError::Random)?;
        Ok(Self(prefix + &base64url::encode(random)))
    }

    /// The key, for its caller.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the service keeps of it.
    pub fn digest(&self) -> ApiKeyDigest {
        ApiKeyDigest::of(self.0.as_bytes())
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKey").finish_non_exhaustive()
    }
}

/// The prefix with its `_`.
pub(super) fn checked(prefix: &str) -> Result<String, ApiKeyError> {
    let is_good = (2..=LONGEST_PREFIX).contains(&prefix.len())
        && prefix.starts_with(|first: char| first.is_ascii_lowercase())
        && !prefix.ends_with('_')
        && prefix.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        // Those of refresh tokens and of sessions.
        && !["jrt", "jst"].contains(&prefix);
    if is_good { Ok(format!("{prefix}_")) } else { Err(ApiKeyError::Prefix { prefix: prefix.into() }) }
}

/// Whether this has the form of a key with that prefix, which ends with `_`.
pub(super) fn is_key(prefix: &str, token: &[u8]) -> bool {
    let is_of_key = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let random = token.strip_prefix(prefix.as_bytes());
    random.is_some_and(|random| random.len() == CHARACTERS && random.iter().all(is_of_key))
}
