use std::sync::Arc;

use crate::answer::cache_control::Caching;
use crate::answer::challenge::Answer;
use crate::authenticator::{Authenticator, Outcome};
use crate::error::{AuthError, Misuse};
use crate::observe::log;
use crate::observe::spans as seen;
use crate::request::RequestHead;
use crate::verify::token::{CompactToken, VerifiedToken};

/// What a layer leaves behind in a request for extractors to find: for adapters, of interest to nobody else.
#[derive(Debug, Clone)]
pub struct Admission(Admitted);

#[derive(Debug, Clone)]
enum Admitted {
    Verified(CompactToken),
    /// In a box, so that a verified token is moved as two words.
    Anonymous(Box<Answer>),
}

/// Why an extractor yields nothing, and what goes on the wire for it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{error}")]
pub struct Rejection {
    /// Why.
    pub error: AuthError,
    /// What the client is told.
    pub answer: Answer,
}

impl From<Misuse> for Rejection {
    /// Logs the mend, since nobody else will learn of it.
    fn from(misuse: Misuse) -> Self {
        log::misuse(misuse);
        let error = misuse.into();
        seen::refused(&error);
        Self { error, answer: Answer::NOT_CONFIGURED }
    }
}

impl Rejection {
    /// The same, told in the protocol of the request; see [`Answer::for_request`].
    #[must_use]
    pub fn for_request(self, head: &impl RequestHead) -> Self {
        Self { answer: self.answer.for_request(head), ..self }
    }
}

impl Admission {
    /// What is left in a request with this outcome, or what its client gets instead of the service; and what the
    /// response needs beside that, whichever it is.
    pub fn of<C: Send + Sync + 'static>(
        authenticator: &Authenticator<C>,
        outcome: Outcome<C>,
    ) -> (Result<Self, Rejection>, Option<Arc<Caching>>) {
        let (result, cookies) = outcome.parts();
        seen::outcome(&result, authenticator.subject_in_spans());
        let admission = match result {
            Ok(Some(token)) => Ok(Self(Admitted::Verified(token.into_token()))),
            Ok(None) => Ok(Self(Admitted::Anonymous(authenticator.answer(&AuthError::MissingToken).into()))),
            Err(error) => Err(Rejection { answer: authenticator.answer(&error), error }),
        };
        // A refusal is kept by no cache anyway.
        let caching = authenticator.caching().filter(|_| admission.is_ok());
        (admission, Caching::with_cookies(caching, cookies))
    }

    /// As if a layer had let that token in, for unit tests of routes (feature `testing`): put into the extensions of a
    /// request, extractors find it there.
    #[cfg(feature = "testing")]
    pub fn for_test<C: Send + Sync + 'static>(token: VerifiedToken<C>) -> Self {
        Self(Admitted::Verified(token.into_token()))
    }

    /// The verified token, for an extractor.
    pub fn claims<C: Send + Sync + 'static>(admission: Option<&Self>) -> Result<VerifiedToken<C>, Rejection> {
        Ok(Self::admitted(admission)?.verified_as()?)
    }

    /// The verified token, for an extractor; `None` where there was no token and need not be.
    pub fn optional_claims<C: Send + Sync + 'static>(
        admission: Option<&Self>,
    ) -> Result<Option<VerifiedToken<C>>, Rejection> {
        let token = optional(Self::admitted(admission))?;
        Ok(token.map(CompactToken::verified_as).transpose()?)
    }

    /// The compact token, for an extractor.
    pub fn token(admission: Option<&Self>) -> Result<CompactToken, Rejection> {
        Self::admitted(admission).cloned()
    }

    /// The compact token, for an extractor; `None` where there was no token and need not be.
    pub fn optional_token(admission: Option<&Self>) -> Result<Option<CompactToken>, Rejection> {
        Ok(optional(Self::admitted(admission))?.cloned())
    }

    /// The token, lent.
    pub(crate) fn admitted(admission: Option<&Self>) -> Result<&CompactToken, Rejection> {
        match admission {
            None => Err(Misuse::MissingLayer.into()),
            Some(Self(Admitted::Verified(token))) => Ok(token),
            Some(Self(Admitted::Anonymous(answer))) => {
                Err(Rejection { error: AuthError::MissingToken, answer: Answer::clone(answer) })
            }
        }
    }
}

fn optional(admitted: Result<&CompactToken, Rejection>) -> Result<Option<&CompactToken>, Rejection> {
    match admitted {
        Err(Rejection { error: AuthError::MissingToken, .. }) => Ok(None),
        other => other.map(Some),
    }
}
