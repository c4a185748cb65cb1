//! What a store keeps of a sign-in, and what it is asked to do with it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::base64url;
use crate::clock::NumericDate;
use crate::config_error::debug_as_display;

/// An identifier of a fixed length, written as base64url.
macro_rules! bytes {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $len]);

        impl $name {
            pub(crate) const fn new(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }

            /// The bytes.
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            /// As base64url without padding.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&base64url::encode(self.0))
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let mut bytes = [0; $len];
                match base64url::decode_into(text.as_bytes(), &mut bytes) {
                    Some(decoded) if decoded.len() == $len => Ok(Self(bytes)),
                    _ => Err(NotAnId),
                }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

bytes! {
    /// The name of one sign-in. Its user may see it: all that can be done with it is to end the sign-in.
    SignInId, 16
}
bytes! {
    /// A digest of a subject and a kind of sign-in: all records of one subject and one kind have the same owner.
    Owner, 16
}
bytes! {
    /// A SHA-256 digest of a secret.
    Digest, 32
}
bytes! {
    /// A random number. It reveals nothing without the token that it was used with.
    Salt, 32
}

impl fmt::Debug for SignInId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignInId({self})")
    }
}

impl fmt::Debug for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Owner({self})")
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest([redacted])")
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt([redacted])")
    }
}

/// The text is not base64url of the right length.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an identifier of this kind: base64url without padding, of a fixed length")]
pub struct NotAnId;

debug_as_display!(NotAnId);

/// The key of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SignInKey {
    /// Whose record it is.
    pub owner: Owner,
    /// Which of the owner's records.
    pub id: SignInId,
}

/// What a store remembers of one sign-in. Serializes to a JSON object of strings and numbers; moments are milliseconds
/// since the epoch.
#[derive(Clone, Serialize, Deserialize)]
pub struct Record {
    /// Its name.
    pub id: SignInId,
    /// Who signed in: the name that the application has for the user.
    pub subject: String,
    /// What the application calls the sign-in, such as the name of the device.
    pub label: String,
    /// The data of the application, as JSON.
    pub data: String,
    /// What is special about the login, as JSON; empty for nothing special. Absent from a record of before.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub options: String,
    /// The digest of the current secret.
    pub secret: Digest,
    /// How the current secret was made, where it is not the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotated: Option<Rotation>,
    /// When it began.
    #[serde(with = "super::time::millis")]
    pub created_at: NumericDate,
    /// When it was used last.
    #[serde(with = "super::time::millis")]
    pub used_at: NumericDate,
    /// When it expires, unless it is used before.
    #[serde(with = "super::time::millis")]
    pub expires_at: NumericDate,
    /// When it ends, however much it is used.
    #[serde(with = "super::time::millis")]
    pub ends_at: NumericDate,
}

/// How a secret replaced the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    /// The digest of the secret before.
    pub from: Digest,
    /// What the new secret was made with.
    pub salt: Salt,
    /// When it was replaced.
    #[serde(with = "super::time::millis")]
    pub at: NumericDate,
}

/// A use that changes nothing but the times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Touch {
    /// When the record expires from now on, but no later than it ends.
    pub expires_at: NumericDate,
    /// Nothing needs to be written where the last use was less than this ago.
    pub after: Duration,
}

/// A new secret for a record, and what goes with it. Where the new secret is the current one, the record keeps it, and keeps
/// how it was made: only the rest changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The digest of the new secret.
    pub secret: Digest,
    /// What it was made with.
    pub salt: Salt,
    /// When the record expires from now on, but no later than it ends.
    pub expires_at: NumericDate,
    /// New data of the application, if it has some.
    pub data: Option<String>,
    /// What is special about the login from now on, as JSON, where that changes.
    pub options: Option<String>,
}

impl Record {
    /// Whether it has not expired at that moment.
    pub fn is_live(&self, now: NumericDate) -> bool {
        now < self.expires_at
    }

    /// Notes a use. False where nothing needs to be written.
    pub fn touch(&mut self, touch: Touch, now: NumericDate) -> bool {
        let since = now.since_epoch().checked_sub(self.used_at.since_epoch());
        if since.is_none_or(|since| since < touch.after) {
            return false;
        }
        self.used_at = now;
        self.expires_at = touch.expires_at.min(self.ends_at);
        true
    }

    /// Makes the change where `expected` is the current secret. False where it is not.
    pub fn change(&mut self, expected: Digest, change: Change, now: NumericDate) -> bool {
        if self.secret != expected {
            return false;
        }
        if change.secret != expected {
            self.rotated = Some(Rotation { from: expected, salt: change.salt, at: now });
            self.secret = change.secret;
        }
        self.used_at = now;
        self.expires_at = change.expires_at.min(self.ends_at);
        if let Some(data) = change.data {
            self.data = data;
        }
        if let Some(options) = change.options {
            self.options = options;
        }
        true
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record").field("id", &self.id).field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}
