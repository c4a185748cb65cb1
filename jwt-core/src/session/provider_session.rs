//! The session at an identity provider that a sign-in began with.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Whose user somebody is who signs in, and by which session at that identity provider: what its ID token says in `iss`,
/// `sub` and `sid` (OpenID Connect Core 1.0 §2, Back-Channel Logout 1.0 §2.4). [`ProviderSession::of`] takes it from a verified
/// ID token.
///
/// A sign-in that was [recorded](super::NewSignIn::provider_session) with it ends when the provider says so: see
/// [`LogoutReceiver`](crate::login::logout::LogoutReceiver).
///
/// ```
/// # use std::sync::Arc;
/// # use jwt_core::{MemoryStore, Sessions};
/// use jwt_core::session::{NewSignIn, ProviderSession};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sessions = Sessions::builder(Arc::new(MemoryStore::new())).build()?;
/// let at_provider = ProviderSession::new("https://login.example.com", "auth0|4711").session_id("s-1");
/// let new = NewSignIn::new("alice", &())?.provider_session(at_provider.clone());
/// let (_, session) = sessions.start(new).await?;
/// assert_eq!(session.provider_session, Some(at_provider));
/// # Ok(()) }
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ProviderSession {
    /// `iss`: the provider.
    #[serde(rename = "iss")]
    pub issuer: String,
    /// `sub`: what the provider calls the user, which may be another name than the application has.
    #[serde(rename = "sub")]
    pub subject: String,
    /// `sid`: what the provider calls the session. Without one, the sign-in ends with all others of the user.
    #[serde(rename = "sid", default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
}

impl ProviderSession {
    /// A user of that provider, without a `sid`.
    pub fn new(issuer: impl Into<String>, subject: impl Into<String>) -> Self {
        Self { issuer: issuer.into(), subject: subject.into(), session_id: None }
    }

    /// The same with the `sid` of the ID token.
    #[must_use]
    pub fn session_id(self, session_id: impl Into<String>) -> Self {
        Self { session_id: Some(session_id.into()), ..self }
    }
}

impl fmt::Debug for ProviderSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderSession")
            .field("issuer", &self.issuer)
            .field("subject", &self.subject)
            .finish_non_exhaustive()
    }
}

/// Which sign-ins a provider ends: those of one of its sessions, or of one of its users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended<'e> {
    Session {
        issuer: &'e str,
        id: &'e str,
    },
    User {
        issuer: &'e str,
        subject: &'e str,
    },
    /// Those of a user of which no session was recorded.
    Unnamed {
        issuer: &'e str,
        subject: &'e str,
    },
}

impl Ended<'_> {
    /// Whether a sign-in that began so is one of them.
    pub(crate) fn covers(&self, at: &ProviderSession) -> bool {
        match *self {
            Self::Session { issuer, id } => at.issuer == issuer && at.session_id.as_deref() == Some(id),
            Self::User { issuer, subject } => at.issuer == issuer && at.subject == subject,
            Self::Unnamed { issuer, subject } => {
                at.session_id.is_none() && at.issuer == issuer && at.subject == subject
            }
        }
    }

    /// What digests of it are made of: no session has that of a user, nor that of another session.
    pub(super) fn parts(&self) -> (&'static str, Vec<u8>) {
        let (what, issuer, name) = match *self {
            Self::Session { issuer, id } => ("provider session", issuer, id),
            Self::User { issuer, subject } | Self::Unnamed { issuer, subject } => ("provider user", issuer, subject),
        };
        let length = u64::try_from(issuer.len()).unwrap_or(u64::MAX).to_be_bytes();
        (what, [&length[..], issuer.as_bytes(), name.as_bytes()].concat())
    }
}
