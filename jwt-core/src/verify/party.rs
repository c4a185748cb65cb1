//! Who is trusted: one party, or several among which the unverified `iss` of a token selects.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::Failure;
use super::token::{Evidence, UntrustedToken};
use super::trust::{Trust, Unverified};
use crate::error::{AuthError, TokenError, Unavailable};
use crate::key::{Asked, KeyFeed, KeyStatus, Lack, Question, Waited};

/// One trusted party, and where its keys are fetched from.
#[derive(Clone)]
pub(crate) struct Party {
    pub(crate) trust: Arc<Trust>,
    /// Held here and not with the trust: a token that lives on keeps no fetching alive.
    pub(crate) feed: Option<Arc<dyn KeyFeed>>,
}

/// Whom a verifier trusts.
pub(crate) enum Trusted {
    /// No JWT is good, whoever signed it.
    Nobody,
    /// One party, which may go by several names or by none.
    One(Party),
    /// Parties that each have their names.
    Several(Box<dyn Selection>),
}

/// How a token selects among several parties. Nothing that it says of itself is verified yet.
pub(crate) trait Selection: Send + Sync + fmt::Debug {
    /// Whose tokens had this header segment before: a guess that spares the search for `iss`.
    fn hint(&self, header: &[u8]) -> Option<Hint>;

    /// The party of that name, for a client of that address. Costs no signature, and the network only where a name is new.
    /// The claims of a token that its keys verify are good only if they name it when they are read.
    fn named(&self, issuer: &str, client: Option<IpAddr>) -> Result<Arc<Party>, Failure>;

    /// A token with this header segment was verified for that party.
    fn learn(&self, header: &[u8], party: &Arc<Party>);

    /// The state of the keys that are fetched.
    fn key_status(&self) -> Vec<KeyStatus>;
}

/// Whose tokens have a header.
#[derive(Clone)]
pub(crate) enum Hint {
    Of(Arc<Party>),
    /// Of several parties. A wrong guess would cost a signature.
    Ambiguous,
}

/// Who sent a token, and which fetch of keys was waited for before it is looked at again.
#[derive(Clone, Copy)]
pub(crate) struct Attempt {
    pub(super) client: Option<IpAddr>,
    pub(super) waited: Option<Waited>,
}

impl Attempt {
    pub(super) fn first(client: Option<IpAddr>) -> Self {
        Self { client, waited: None }
    }

    pub(super) fn after(waited: Waited) -> Self {
        Self { client: waited.client, waited: Some(waited) }
    }

    /// The fetch that has the last word, because it began after the token had come.
    fn last_word(self) -> Option<Waited> {
        self.waited.filter(|waited| waited.began_later)
    }
}

impl Party {
    /// Finds a key under which the signature holds.
    pub(super) fn verify(&self, token: UntrustedToken<'_>, attempt: Attempt) -> Result<Evidence, Failure> {
        self.trust.verify(token).map_err(|unverified| self.failure(unverified, token, attempt))
    }

    /// What it means that there is no such key.
    pub(super) fn failure(&self, unverified: Unverified, token: UntrustedToken<'_>, attempt: Attempt) -> Failure {
        match unverified {
            Unverified::Refused(error) => error.into(),
            Unverified::Doubtful { error, algorithm, lack } => {
                let UntrustedToken { message, signature, .. } = token;
                let question = Question { message, signature, algorithm, lack, client: attempt.client };
                self.doubtful(AuthError::InvalidToken(error), &question, attempt)
            }
            Unverified::NoKeys => self.no_keys(attempt),
        }
    }

    /// A token that only a key can verify which is not at hand.
    fn doubtful(&self, refused: AuthError, question: &Question<'_>, attempt: Attempt) -> Failure {
        let Some(feed) = &self.feed else { return Failure::Refused(refused) };
        let not_known = match question.lack {
            // A refusal makes clients give up, so nobody is refused before it is known that there is no such key.
            Lack::Name => Unavailable::Keys { retry_after: feed.retry_after() }.into(),
            // What looks like a forgery nearly always is one.
            Lack::Signature => refused.clone(),
        };
        if let Some(waited) = attempt.last_word() {
            return Failure::Refused(if waited.succeeded { refused } else { not_known });
        }
        match feed.ask(question) {
            Asked::Wait(keys) => Failure::Wait { keys, otherwise: not_known },
            Asked::No => Failure::Refused(refused),
            Asked::Unknown => Failure::Refused(not_known),
        }
    }

    fn no_keys(&self, attempt: Attempt) -> Failure {
        let Some(feed) = &self.feed else { return Failure::Refused(Unavailable::KEYS.into()) };
        let feed = match self.trust.standing().map(|standing| standing.fetch(self, attempt.client)) {
            Some(Err(error)) => return Failure::Refused(error),
            Some(Ok(feed)) => feed,
            None => feed.clone(),
        };
        let otherwise = if feed.is_nobody() {
            TokenError::untrusted(self.trust.validation.issuers.first().map_or("", |name| name)).into()
        } else {
            Unavailable::Keys { retry_after: feed.retry_after() }.into()
        };
        if attempt.last_word().is_some() {
            return Failure::Refused(otherwise);
        }
        match feed.fetch_for_no_keys() {
            Some(keys) => Failure::Wait { keys, otherwise },
            None => Failure::Refused(otherwise),
        }
    }

    /// The state of its keys, if they are fetched.
    pub(crate) fn key_status(&self) -> Option<KeyStatus> {
        self.feed.as_ref().map(|feed| feed.status())
    }
}

impl fmt::Debug for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Party")
            .field("keys", &self.trust.keys)
            .field("validation", &self.trust.validation)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Trusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => f.write_str("nobody"),
            Self::One(one) => one.fmt(f),
            Self::Several(several) => several.fmt(f),
        }
    }
}
