//! What a layer leaves in a request for extractors and guards, and what they find there. For adapters.

use std::sync::Arc;

use http::StatusCode;

use crate::answer::{Answer, Asked, HeaderFields, ResponseHeaders};
use crate::authenticator::{Authenticator, Outcome, Settled, nearly};
use crate::error::{AuthError, Misuse};
use crate::observe::near_miss::Sources;
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
    Anonymous(Box<Anonymous>),
}

/// What becomes of an anonymous request where a token is needed after all.
#[derive(Debug, Clone)]
pub(super) struct Anonymous {
    answer: Answer,
    /// Where no token was found.
    sources: Arc<Sources>,
}

/// Why an extractor yields nothing, and what goes on the wire for it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{error}")]
pub struct Rejection {
    /// Why.
    pub error: AuthError,
    /// What the client is told.
    pub answer: Answer,
    /// That there is no token, where nobody has been told of it yet.
    no_token: Option<Box<NoToken>>,
}

/// Where no token was found, and what the request has instead.
#[derive(Debug, Clone)]
struct NoToken {
    sources: Arc<Sources>,
    nearly: Option<Box<str>>,
}

impl From<Misuse> for Rejection {
    /// Logs the fix, since nobody else will learn of it.
    fn from(misuse: Misuse) -> Self {
        log::misuse(misuse);
        let error = misuse.into();
        spans::denied(&error);
        Self::new(error, Answer::NOT_CONFIGURED)
    }
}

impl Rejection {
    pub(super) fn new(error: AuthError, answer: Answer) -> Self {
        Self { error, answer, no_token: None }
    }

    /// Tells log, span and counters that an anonymous request is refused after all. An adapter calls it where the refusal of
    /// an extractor becomes a response: before that, an application may still do without the token.
    pub fn report(&self) {
        if let Some(NoToken { sources, nearly }) = self.no_token.as_deref() {
            log::no_token(&sources.in_words, nearly.as_deref());
            spans::denied(&self.error);
        }
    }

    /// The same, told in the protocol of the request; see [`Answer::for_request`]. And what the request has instead of a
    /// token, for [`report`](Self::report).
    #[must_use]
    pub fn for_request(mut self, head: &impl RequestHead) -> Self {
        if let Some(no_token) = &mut self.no_token {
            no_token.nearly = nearly(&no_token.sources, head);
        }
        self.to(Asked::by(head))
    }

    /// Makes a response of the application one that refuses: with the challenge and the other header fields of the answer,
    /// unless it has fields of that name, and never with a status of success. Yields its status. For adapters.
    pub fn complete(&self, status: StatusCode, headers: &mut impl HeaderFields) -> StatusCode {
        let head = self.answer.head();
        for name in head.headers().keys() {
            if headers.values(name).next().is_none() {
                head.headers().get_all(name).into_iter().for_each(|value| headers.append(name.clone(), value.clone()));
            }
        }
        // Of a call of gRPC it is 200, with a status of its own among the fields.
        if status.is_informational() || status.is_success() { head.status() } else { status }
    }

    pub(crate) fn to(self, asked: Asked) -> Self {
        Self { answer: self.answer.to(asked), ..self }
    }
}

impl Admission {
    /// What is left in a request with this head and this outcome, or what its client gets instead of the service; and
    /// what the response needs beside that, whichever it is.
    pub fn of<C>(
        authenticator: &Authenticator<C>,
        outcome: Outcome<C>,
        head: &impl RequestHead,
    ) -> (Result<Self, Rejection>, Option<Arc<ResponseHeaders>>) {
        let Settled { result, cookies } = outcome.0;
        let nonce = authenticator.nonce_for(&result);
        spans::outcome(&match &result {
            Ok(Some(token)) => {
                let subject = if authenticator.subject_in_spans() { token.common().subject() } else { None };
                Authenticated::Verified { issuer: token.common().issuer(), subject }
            }
            Ok(None) => Authenticated::Anonymous,
            Err(error) => Authenticated::Rejected(error),
        });
        let admission = match result {
            Ok(Some(token)) => Ok(Self(Admitted::Verified(token))),
            Ok(None) => {
                let answer = authenticator.answer(&AuthError::MissingToken);
                Ok(Self(Admitted::Anonymous(Anonymous { answer, sources: authenticator.sources().clone() }.into())))
            }
            Err(error) => {
                let answer = authenticator.answer(&error).for_request(head);
                Err(Rejection::new(error, answer))
            }
        };
        // A refusal is kept by no cache anyway.
        let headers = authenticator.response_headers().filter(|_| admission.is_ok());
        (admission, ResponseHeaders::with(headers, cookies, nonce))
    }

    /// The verified token, for an extractor.
    pub fn claims<C: Send + Sync + 'static>(admission: Option<&Self>) -> Result<VerifiedToken<C>, Rejection> {
        Ok(Self::admitted(admission)?.clone().typed()?)
    }

    /// The verified token, for an extractor; `None` where there was no token and need not be.
    pub fn optional_claims<C: Send + Sync + 'static>(
        admission: Option<&Self>,
    ) -> Result<Option<VerifiedToken<C>>, Rejection> {
        Ok(Self::optional(admission)?.cloned().map(CompactToken::typed).transpose()?)
    }

    /// The compact token, for an extractor.
    pub fn token(admission: Option<&Self>) -> Result<CompactToken, Rejection> {
        Self::admitted(admission).cloned()
    }

    /// The compact token, for an extractor; `None` where there was no token and need not be.
    pub fn optional_token(admission: Option<&Self>) -> Result<Option<CompactToken>, Rejection> {
        Ok(Self::optional(admission)?.cloned())
    }

    /// The token, borrowed.
    pub(crate) fn admitted(admission: Option<&Self>) -> Result<&CompactToken, Rejection> {
        match admission {
            None => Err(Misuse::MissingLayer.into()),
            Some(Self(Admitted::Verified(token))) => Ok(token),
            Some(Self(Admitted::Anonymous(anonymous))) => {
                let Anonymous { answer, sources } = &**anonymous;
                let no_token = Some(NoToken { sources: sources.clone(), nearly: None }.into());
                Err(Rejection { error: AuthError::MissingToken, answer: answer.clone(), no_token })
            }
        }
    }

    /// The token, borrowed; `None` where there is none and need not be.
    fn optional(admission: Option<&Self>) -> Result<Option<&CompactToken>, Rejection> {
        match admission {
            Some(Self(Admitted::Anonymous(_))) => Ok(None),
            other => Self::admitted(other).map(Some),
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
