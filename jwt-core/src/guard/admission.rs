//! What a layer leaves in a request for extractors and guards, and what they find there. For adapters.

use std::sync::Arc;

use crate::answer::{Answer, Protocol, ResponseHeaders};
use crate::authenticator::{Authenticator, Outcome};
use crate::error::{AuthError, Misuse};
use crate::observe::spans::Authenticated;
use crate::observe::{log, spans};
use crate::request::RequestHead;
use crate::verify::{CompactToken, VerifiedToken};

/// What a layer leaves behind in a request for extractors to find: for adapters, of interest to nobody else.
#[derive(Debug, Clone)]
pub struct Admission(pub(super) Admitted);

#[derive(Debug, Clone)]
pub(super) enum Admitted {
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
    /// Logs the fix, since nobody else will learn of it.
    fn from(misuse: Misuse) -> Self {
        log::misuse(misuse);
        let error = misuse.into();
        spans::denied(&error);
        Self { error, answer: Answer::NOT_CONFIGURED }
    }
}

impl Rejection {
    /// The same, told in the protocol of the request; see [`Answer::for_request`].
    #[must_use]
    pub fn for_request(self, head: &impl RequestHead) -> Self {
        self.in_protocol(Protocol::of(head))
    }

    pub(crate) fn in_protocol(self, protocol: Option<Protocol>) -> Self {
        Self { answer: self.answer.in_protocol(protocol), ..self }
    }
}

impl Admission {
    /// What is left in a request with this head and this outcome, or what its client gets instead of the service; and
    /// what the response needs beside that, whichever it is.
    pub fn of<C: Send + Sync + 'static>(
        authenticator: &Authenticator<C>,
        outcome: Outcome<C>,
        head: &impl RequestHead,
    ) -> (Result<Self, Rejection>, Option<Arc<ResponseHeaders>>) {
        let (result, cookies) = outcome.parts();
        spans::outcome(&match &result {
            Ok(Some(token)) => {
                let subject = if authenticator.subject_in_spans() { token.subject() } else { None };
                Authenticated::Verified { issuer: token.issuer(), subject }
            }
            Ok(None) => Authenticated::Anonymous,
            Err(error) => Authenticated::Rejected(error),
        });
        let admission = match result {
            Ok(Some(token)) => Ok(Self(Admitted::Verified(token.into_token()))),
            Ok(None) => Ok(Self(Admitted::Anonymous(authenticator.answer(&AuthError::MissingToken).into()))),
            Err(error) => Err(Rejection { answer: authenticator.answer(&error).for_request(head), error }),
        };
        // A refusal is kept by no cache anyway.
        let headers = authenticator.response_headers().filter(|_| admission.is_ok());
        (admission, ResponseHeaders::with_cookies(headers, cookies))
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

    /// The token, borrowed.
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

/// What an extractor may yield, so that an adapter needs one extractor for all of it: a [`VerifiedToken`], a
/// [`CompactToken`], and `Option` of either, which is `None` where there was no token and need not be. For adapters whose
/// framework has no say in what `Option` of an extractor is.
pub trait FromAdmission: Sized {
    /// What the layer left in the request.
    ///
    /// # Errors
    /// What the client gets instead; a 500 where no layer was there.
    fn from_admission(admission: Option<&Admission>) -> Result<Self, Rejection>;
}

impl<C: Send + Sync + 'static> FromAdmission for VerifiedToken<C> {
    fn from_admission(admission: Option<&Admission>) -> Result<Self, Rejection> {
        Admission::claims(admission)
    }
}

impl<C: Send + Sync + 'static> FromAdmission for Option<VerifiedToken<C>> {
    fn from_admission(admission: Option<&Admission>) -> Result<Self, Rejection> {
        Admission::optional_claims(admission)
    }
}

impl FromAdmission for CompactToken {
    fn from_admission(admission: Option<&Admission>) -> Result<Self, Rejection> {
        Admission::token(admission)
    }
}

impl FromAdmission for Option<CompactToken> {
    fn from_admission(admission: Option<&Admission>) -> Result<Self, Rejection> {
        Admission::optional_token(admission)
    }
}

fn optional(admitted: Result<&CompactToken, Rejection>) -> Result<Option<&CompactToken>, Rejection> {
    match admitted {
        Err(Rejection { error: AuthError::MissingToken, .. }) => Ok(None),
        other => other.map(Some),
    }
}
