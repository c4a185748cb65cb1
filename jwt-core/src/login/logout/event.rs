//! What a provider says has happened, and to whom.

use std::fmt;

use crate::clock::NumericDate;

/// What has happened: the event of a logout token or of a security event token.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EventKind {
    /// The user has logged out at the provider: a logout token (OpenID Connect Back-Channel Logout 1.0 §2.4).
    LoggedOut,
    /// `session-revoked` of CAEP 1.0: the session, or each of the user's, is over.
    SessionRevoked,
    /// `credential-change` of CAEP 1.0: a password, a key or the like was changed, revoked or deleted. One that was created
    /// ends nothing.
    CredentialChange,
    /// `token-claims-change` of CAEP 1.0: what tokens say of the user is no longer so.
    TokenClaimsChange,
    /// `account-disabled` of RISC 1.0.
    AccountDisabled,
    /// `account-purged` of RISC 1.0: the account was deleted.
    AccountPurged,
    /// Another event, by its URI: ends nothing. Also the verification of a stream.
    Other(String),
}

const CAEP: &str = "https://schemas.openid.net/secevent/caep/event-type/";
const RISC: &str = "https://schemas.openid.net/secevent/risc/event-type/";

impl EventKind {
    /// The event of a security event token.
    pub(super) fn of_uri(uri: &str) -> Self {
        match (uri.strip_prefix(CAEP), uri.strip_prefix(RISC)) {
            (Some("session-revoked"), _) => Self::SessionRevoked,
            (Some("credential-change"), _) => Self::CredentialChange,
            (Some("token-claims-change"), _) => Self::TokenClaimsChange,
            (_, Some("account-disabled")) => Self::AccountDisabled,
            (_, Some("account-purged")) => Self::AccountPurged,
            _ => Self::Other(uri.to_owned()),
        }
    }

    /// For metrics and log lines: the last part of the URI, and nothing that a provider makes up.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::LoggedOut => "logout",
            Self::SessionRevoked => "session-revoked",
            Self::CredentialChange => "credential-change",
            Self::TokenClaimsChange => "token-claims-change",
            Self::AccountDisabled => "account-disabled",
            Self::AccountPurged => "account-purged",
            Self::Other(_) => "other",
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whom an event is about (RFC 9493 §3.2).
#[derive(Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EventSubject {
    /// A user by `iss` and `sub`: the `sub` of the tokens of that issuer.
    User {
        /// `iss`.
        issuer: String,
        /// `sub`.
        subject: String,
    },
    /// A user by an email address.
    Email(String),
    /// A user by a name that provider and application have agreed on.
    Opaque(String),
}

impl fmt::Debug for EventSubject {
    /// Without addresses and names, which are personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User { .. } => "User",
            Self::Email(_) => "Email",
            Self::Opaque(_) => "Opaque",
        })
    }
}

/// What a provider has said, after everything that it names has ended: for the hook of the application.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogoutEvent {
    /// What has happened.
    pub kind: EventKind,
    /// `iss`: the provider that says so.
    pub issuer: String,
    /// Whom it has happened to; `None` where only a session is named, or a stream.
    pub subject: Option<EventSubject>,
    /// `sid`, or the session of a complex subject.
    pub session_id: Option<String>,
    /// `jti`: the name of the token.
    pub token_id: String,
    /// `iat`: when the provider said so.
    pub issued_at: NumericDate,
    /// What else the event says, as JSON text: such as `reason_admin`, or the new `claims`.
    pub details: String,
    /// How many sessions and families of refresh tokens have ended.
    pub ended: usize,
}
