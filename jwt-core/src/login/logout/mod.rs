//! Logouts from elsewhere: what an identity provider says has ended (OpenID Connect Back-Channel Logout 1.0, RFC 8935).

mod build_error;
mod builder;
mod claims;
mod error;
mod event;
mod form;
mod provider;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};

pub use build_error::LogoutBuildError;
pub use builder::LogoutReceiverBuilder;
pub use error::LogoutError;
pub use event::{EventKind, EventSubject, LogoutEvent};
pub use provider::LogoutProvider;

use super::{BodyError, Logins};
use crate::claims::used_proof::{FirstUse, UsedProof};
use crate::clock::NumericDate;
use crate::error::TokenError;
use crate::facade::{metrics, tracing};
use crate::key::crypto;
use crate::request::RequestHead;
use crate::revocation::Revocations;
use crate::session::{Ended, ProviderSession, Sessions};
use crate::store::time::later;
use crate::store::{ProofStore, StoreError};
use crate::verify::{VerifiedToken, Verifier};
use builder::{OnEvent, Resolve};
use claims::{Claims, Happened, Told};
use error::Delivery;

/// How many tokens of one provider are remembered, so that none works twice.
const MAX_REMEMBERED: u32 = 20_000;
/// Every moment that there is.
const EVER: NumericDate = NumericDate::from_secs(u64::MAX);

/// Takes the logouts and the security events of identity providers, and ends what they name. Cheap to clone.
///
/// ```
/// use std::sync::Arc;
/// use jwt_core::{KeySet, MemoryStore, Revocations};
/// use jwt_core::login::logout::{LogoutProvider, LogoutReceiver};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let keys = KeySet::hs256("a secret of at least thirty-two bytes")?;
/// let revocations = Revocations::builder(Arc::new(MemoryStore::new())).open().await?;
/// let receiver = LogoutReceiver::builder(&revocations)
///     .provider(LogoutProvider::new("https://login.example.com", keys, "my-client"))
///     .on_event(|event| async move {
///         println!("{}: {}", event.issuer, event.kind);
///         Ok::<(), std::io::Error>(())
///     })
///     .build()?;
/// # let _ = receiver; Ok(()) }
/// ```
///
/// The adapters have a layer for it, `LogoutRoute`: one route, by POST, for both standards.
///
/// | the provider sends | by | good | not good | not possible now |
/// |---|---|---|---|---|
/// | a logout token (Back-Channel Logout 1.0) | a form with `logout_token` | 200 | 400, `error` | 400, `temporarily_unavailable` |
/// | a security event token (RFC 8417, RFC 8935) | `application/secevent+jwt` | 202 | 400, `err` | 503, `Retry-After` |
///
/// # What ends
///
/// An event names a session of the provider, by `sid`, or a user, by `sub`. Everything of it ends that began before the `iat`
/// of the token, and nothing else:
///
/// - **Access tokens of the provider**, on each service with the same [list of revoked tokens](crate::Revocations), within a
///   second: those of a session by their `sid`, where they have one, those of a user by `sub` and `iat`.
/// - **Logins and sessions of this application** that were recorded with their
///   [`provider_session`](crate::login::NewLogin::provider_session), and the access tokens of such logins.
///
/// The answer is good only once all of that has ended, and the [hook](LogoutReceiverBuilder::on_event) has returned. Otherwise
/// the provider is told to try again, with the same token: only what was done is remembered by `jti`, and is not done twice.
#[derive(Clone)]
pub struct LogoutReceiver(Arc<Inner>);

struct Inner {
    verifier: Verifier<Claims>,
    revocations: Revocations,
    providers: Vec<LogoutProvider>,
    logins: Option<Logins>,
    sessions: Option<Sessions>,
    path: Box<str>,
    replay: Arc<dyn ProofStore>,
    logout_max_age: Duration,
    event_max_age: Duration,
    report_only: Vec<EventKind>,
    resolve: Option<Box<Resolve>>,
    on_event: Option<Box<OnEvent>>,
}

/// What became of a token that is good.
enum Done {
    Ended,
    /// It was done before.
    Before,
}

impl LogoutReceiver {
    /// How much of a body is read, in bytes. For a longer one, pass [`BodyError::TooLong`].
    pub const MAX_BODY: usize = 32 * 1024;

    /// A builder with the defaults. What ends is put onto that list.
    pub fn builder(revocations: &Revocations) -> LogoutReceiverBuilder {
        LogoutReceiverBuilder::new(revocations)
    }

    /// Where logouts and events come in.
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// Whether a request is one of those, by its path.
    pub fn takes(&self, head: &impl RequestHead) -> bool {
        head.path() == self.path()
    }

    /// The response to a request that this [takes](Self::takes). Logs what has happened.
    pub async fn respond(&self, head: &impl RequestHead, body: Result<&[u8], BodyError>) -> Response<String> {
        let delivery = delivery(head);
        let done = match (head.method(), &delivery) {
            ("POST", Ok(delivery)) => self.take(*delivery, head, body).await,
            ("POST", Err(error)) => Err(error.clone()),
            _ => Err(LogoutError::Method),
        };
        let delivery = delivery.ok();
        let label = delivery.map_or("unknown", Delivery::as_str);
        let result = match &done {
            Ok(Done::Ended) => "ended",
            Ok(Done::Before) => "repeated",
            Err(error) if error.is_temporary() => "failed",
            Err(_) => "refused",
        };
        metrics::counter!("jwt_logouts_total", "kind" => label, "result" => result).increment(1);
        match done {
            Ok(_) => accepted(delivery),
            Err(error) => {
                if error.is_temporary() {
                    tracing::error!(target: "jwt", reason = %error, kind = label, "a logout from elsewhere could not be carried out");
                } else {
                    tracing::info!(target: "jwt", reason = %error, kind = label, "logout from elsewhere refused");
                }
                error.response(delivery)
            }
        }
    }

    async fn take(
        &self,
        delivery: Delivery,
        head: &impl RequestHead,
        body: Result<&[u8], BodyError>,
    ) -> Result<Done, LogoutError> {
        let Inner { verifier, providers, revocations, logout_max_age, event_max_age, .. } = &*self.0;
        let body = body.map_err(LogoutError::Body)?;
        let (token, max_age) = match delivery {
            Delivery::LogoutToken => (form::logout_token(body)?, *logout_max_age),
            Delivery::SecurityEvent => (body.trim_ascii().to_vec(), *event_max_age),
        };
        let verified = verifier.verify_async(&token).await?;
        let issuer = verified.issuer().unwrap_or_default();
        // Whoever was verified is one of them.
        let provider = providers.iter().find(|provider| *provider.issuer == *issuer);
        let provider = provider.ok_or(LogoutError::Missing("iss"))?;
        if delivery == Delivery::SecurityEvent && !provider.is_authenticated(head.header_values(&AUTHORIZATION)) {
            return Err(LogoutError::Unauthenticated);
        }
        let told = Told::read(delivery, &verified, provider)?;
        told.check_age(max_age, revocations.clock_skew(), verifier.now())?;
        let use_of = UsedProof {
            key: digest(&[issuer.as_bytes()])?,
            id: front(digest(&[delivery.as_str().as_bytes(), issuer.as_bytes(), told.token_id.as_bytes()])?),
            // Later than that it is too old.
            until: later(told.issued_at, max_age.saturating_add(revocations.clock_skew())),
            // The same token may come again, if nobody knows whether it was done. Another one of that name may not.
            attempt: front(digest(&[&token])?),
            limit: 0,
        };
        // With no room, that is a question alone.
        match self.0.replay.first_use(use_of, verifier.now()).await? {
            FirstUse::Yes => {
                tracing::debug!(target: "jwt", issuer, "a logout from elsewhere came again, and was done before");
                return Ok(Done::Before);
            }
            FirstUse::No => return Err(LogoutError::Reused),
            FirstUse::Full => {}
        }
        for happened in &told.happened {
            self.carry_out(provider, &told, happened).await?;
        }
        // Two requests at once have both done it, which is the same as once. Where there is no room, the next is.
        self.0.replay.first_use(UsedProof { limit: MAX_REMEMBERED, ..use_of }, verifier.now()).await?;
        Ok(Done::Ended)
    }

    /// Ends what an event names, and tells the application.
    async fn carry_out(&self, provider: &LogoutProvider, told: &Told, happened: &Happened) -> Result<(), LogoutError> {
        let Happened { kind, subject, session_id, details, .. } = happened;
        let mut ended = 0;
        if happened.ends && !self.0.report_only.contains(kind) {
            ended = self.end(provider, told.issued_at, subject.as_ref(), session_id.as_deref()).await?;
        }
        tracing::info!(target: "jwt", issuer = &*provider.issuer, event = %kind, ended, "logout from elsewhere");
        let Some(on_event) = &self.0.on_event else { return Ok(()) };
        let event = LogoutEvent {
            kind: kind.clone(),
            issuer: provider.issuer.to_string(),
            subject: subject.clone(),
            session_id: session_id.clone(),
            token_id: told.token_id.clone(),
            issued_at: told.issued_at,
            details: details.clone(),
            ended,
        };
        on_event(event).await.map_err(LogoutError::Application)
    }

    /// Ends everything of a session, or of a user, that began until that moment.
    async fn end(
        &self,
        provider: &LogoutProvider,
        moment: NumericDate,
        subject: Option<&EventSubject>,
        session_id: Option<&str>,
    ) -> Result<usize, LogoutError> {
        let mut ended = 0;
        for (issuer, subject) in self.named(provider, subject).await? {
            let named = Named { issuer: &issuer, subject: subject.as_deref(), session_id };
            // Whatever fails, everything is tried.
            let revoked = self.revoke(provider, &named, moment).await;
            let over = self.end_sign_ins(&named, later(moment, self.0.revocations.clock_skew())).await;
            ended += over?;
            revoked?;
        }
        Ok(ended)
    }

    /// Issuers and users that are meant: by the `sub` of tokens.
    async fn named(
        &self,
        provider: &LogoutProvider,
        subject: Option<&EventSubject>,
    ) -> Result<Vec<(Box<str>, Option<String>)>, LogoutError> {
        let issuers = provider.issuers_of_users();
        let subjects = match (subject, &self.0.resolve) {
            (None, _) => return Ok(issuers.iter().map(|issuer| (issuer.clone(), None)).collect()),
            (Some(EventSubject::User { issuer, subject }), _) => {
                // The `iss` of a logout token is that of the provider.
                let issuer = issuers.iter().find(|known| ***known == **issuer).ok_or(LogoutError::ForeignSubject)?;
                return Ok(vec![(issuer.clone(), Some(subject.clone()))]);
            }
            (Some(subject), Some(resolve)) => resolve(subject.clone()).await.map_err(LogoutError::Application)?,
            (Some(EventSubject::Opaque(id)), None) => vec![id.clone()],
            (Some(EventSubject::Email(_)), None) => return Err(LogoutError::Unresolved),
        };
        let of_all = |subject: String| issuers.iter().map(move |issuer| (issuer.clone(), Some(subject.clone())));
        Ok(subjects.into_iter().flat_map(of_all).collect())
    }

    /// Puts access tokens of the provider onto the list.
    async fn revoke(
        &self,
        provider: &LogoutProvider,
        named: &Named<'_>,
        moment: NumericDate,
    ) -> Result<(), StoreError> {
        let (list, longest) = (&self.0.revocations, provider.access_token_lifetime);
        let Named { issuer, subject, session_id } = *named;
        let of_session = match (session_id, subject) {
            (Some(id), Some(subject)) => list.revoke_session_of(issuer, (subject, id), longest).await,
            (Some(id), None) => list.revoke_session(issuer, id, longest).await,
            (None, _) => Ok(()),
        };
        let of_user = match subject {
            Some(subject) if session_id.is_none() || provider.access_tokens_without_sid => {
                list.revoke_issued_until((issuer, subject), moment, longest).await
            }
            _ => Ok(()),
        };
        of_session.and(of_user)
    }

    /// Ends logins and sessions of this application, and says how many.
    async fn end_sign_ins(&self, named: &Named<'_>, until: NumericDate) -> Result<usize, StoreError> {
        let Named { issuer, subject, session_id } = *named;
        let of_session = session_id.map(|id| (Ended::Session { issuer, id }, EVER));
        let of_user = subject.map(|subject| match session_id {
            None => (Ended::User { issuer, subject }, until),
            // It may be that session: nobody has recorded which it is.
            Some(_) => (Ended::Unnamed { issuer, subject }, until),
        });
        let mut count = Ok(0);
        for (ended, until) in of_session.into_iter().chain(of_user) {
            if let Some(logins) = &self.0.logins {
                count = sum(count, logins.end_at_provider(ended, until).await);
            }
            if let Some(sessions) = &self.0.sessions {
                count = sum(count, sessions.end_at_provider(ended, until).await);
            }
        }
        count
    }
}

/// A session or a user of an issuer.
struct Named<'n> {
    issuer: &'n str,
    subject: Option<&'n str>,
    session_id: Option<&'n str>,
}

fn sum(one: Result<usize, StoreError>, other: Result<usize, StoreError>) -> Result<usize, StoreError> {
    Ok(one? + other?)
}

/// What a request brings, by its media type.
fn delivery(head: &impl RequestHead) -> Result<Delivery, LogoutError> {
    let mut values = head.header_values(&CONTENT_TYPE);
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(LogoutError::Body(BodyError::MediaType));
    };
    let media = value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    if media.eq_ignore_ascii_case(b"application/x-www-form-urlencoded") {
        Ok(Delivery::LogoutToken)
    } else if media.eq_ignore_ascii_case(b"application/secevent+jwt") {
        Ok(Delivery::SecurityEvent)
    } else {
        Err(LogoutError::Body(BodyError::MediaType))
    }
}

/// 200 for a logout (Back-Channel Logout §2.8), 202 for a security event (RFC 8935 §2.2).
fn accepted(delivery: Option<Delivery>) -> Response<String> {
    let mut response = Response::default();
    if delivery == Some(Delivery::SecurityEvent) {
        *response.status_mut() = StatusCode::ACCEPTED;
    }
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A digest of some parts: no two lists of parts have the same.
fn digest(parts: &[&[u8]]) -> Result<[u8; 32], StoreError> {
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    crypto::sha256(&bytes).try_into().map_err(|_| StoreError::Backend)
}

fn front<const N: usize>(digest: [u8; 32]) -> [u8; N] {
    std::array::from_fn(|index| digest[index])
}

impl ProviderSession {
    /// The session by which a verified ID token says that somebody has logged in.
    ///
    /// # Errors
    /// [`TokenError::MissingClaim`] for a token without `iss` or `sub`, which no ID token is.
    pub fn of<C>(id_token: &VerifiedToken<C>) -> Result<Self, TokenError> {
        let claim = |value: Option<&str>, name: &'static str| {
            value.map(str::to_owned).ok_or_else(|| TokenError::MissingClaim(name.into()))
        };
        let new = Self::new(claim(id_token.issuer(), "iss")?, claim(id_token.subject(), "sub")?);
        Ok(match id_token.session_id() {
            Some(session_id) => new.session_id(session_id),
            None => new,
        })
    }
}

impl fmt::Debug for LogoutReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogoutReceiver")
            .field("providers", &self.0.providers)
            .field("path", &self.0.path)
            .finish_non_exhaustive()
    }
}
