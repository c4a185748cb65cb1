//! An adapter for Rocket 0.5, which has no layers. `docs/how-to/write-an-adapter.md` walks through it.

use std::io::Cursor;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jwt_core::adapter::{Admission, Answer, AnyClaims, FromAdmission, HeaderFields, HeaderName, HeaderValue};
use jwt_core::adapter::{Rejection, RequestHead, ResponseHeaders};
use jwt_core::guard::Policy;
use jwt_core::{Authenticator, CompactToken, VerifiedToken};
use rocket::fairing::AdHoc;
use rocket::{Data, Request, Response, Route, async_trait, http::Status, outcome::Outcome, request, route};

/// The head of a request, as the core reads it. Rocket leaves out fields that are not UTF-8.
struct Head<'r, 'i>(&'r Request<'i>);

impl RequestHead for Head<'_, '_> {
    fn method(&self) -> &str {
        self.0.method().as_str()
    }
    fn path(&self) -> &str {
        self.0.uri().path().as_str()
    }
    fn query(&self) -> Option<&str> {
        self.0.uri().query().map(|query| query.as_str())
    }
    fn header_values<'a>(&'a self, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
        self.0.headers().get(name.as_str()).map(str::as_bytes)
    }
}

/// The header fields of a response, as the core writes them.
struct Fields<'a, 'r>(&'a mut Response<'r>);

impl HeaderFields for Fields<'_, '_> {
    fn values<'a>(&'a self, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
        self.0.headers().get(name.as_str()).map(str::as_bytes)
    }
    fn insert(&mut self, name: HeaderName, value: HeaderValue) {
        self.0.remove_header(name.as_str());
        self.append(name, value);
    }
    fn append(&mut self, name: HeaderName, value: HeaderValue) {
        self.0.adjoin_raw_header(name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned());
    }
}

/// A response that the core made, as one of Rocket.
fn response(answer: &Answer) -> Response<'static> {
    let (head, body) = answer.response().into_parts();
    let status = Status::new(head.status.as_u16());
    let mut response = Response::build().status(status).sized_body(body.len(), Cursor::new(body)).finalize();
    head.headers.iter().for_each(|(name, value)| Fields(&mut response).append(name.clone(), value.clone()));
    response
}

/// What is kept beside a request: for request guards, and for its response.
#[derive(Default)]
struct Kept {
    admission: Option<Admission>,
    rejection: Option<Rejection>,
    headers: Option<Arc<ResponseHeaders>>,
}

fn kept<'r>(request: &'r Request<'_>) -> MutexGuard<'r, Kept> {
    request.local_cache(Mutex::<Kept>::default).lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a request has to pass before it comes to a route.
#[async_trait]
trait Gate: Send + Sync + 'static {
    async fn pass(&self, request: &Request<'_>) -> Result<(), Rejection>;
}

#[async_trait]
impl Gate for Authenticator<AnyClaims> {
    async fn pass(&self, request: &Request<'_>) -> Result<(), Rejection> {
        let outcome = match self.outcome(&Head(request)) {
            Ok(outcome) => outcome,
            Err(pending) => pending.await,
        };
        let (admission, headers) = Admission::of(self, outcome, &Head(request));
        let mut kept = kept(request);
        kept.headers = headers;
        kept.admission = Some(admission?);
        Ok(())
    }
}

#[async_trait]
impl Gate for Policy {
    async fn pass(&self, request: &Request<'_>) -> Result<(), Rejection> {
        let decision = self.decide(kept(request).admission.as_ref(), &Head(request));
        decision.settled().await
    }
}

/// A route behind a gate.
#[derive(Clone)]
struct Gated(Arc<dyn Gate>, Box<dyn route::Handler>);

#[async_trait]
impl route::Handler for Gated {
    async fn handle<'r>(&self, request: &'r Request<'_>, data: Data<'r>) -> route::Outcome<'r> {
        let rejection = match self.0.pass(request).await {
            Err(rejection) => rejection,
            // A request guard can say no more than a status, and leaves the rest with the request.
            Ok(()) => match (self.1.handle(request, data).await, kept(request).rejection.take()) {
                (Outcome::Error(status), Some(rejection)) if rejection.answer.status == status.code => rejection,
                (outcome, _) => return outcome,
            },
        };
        rejection.report();
        Outcome::Success(response(&rejection.answer))
    }
}

fn gated(mut routes: Vec<Route>, gate: impl Gate) -> Vec<Route> {
    let gate: Arc<dyn Gate> = Arc::new(gate);
    for route in &mut routes {
        let inner = std::mem::replace(&mut route.handler, Box::new(route::dummy_handler));
        route.handler = Box::new(Gated(gate.clone(), inner));
    }
    routes
}

/// These routes behind a guard: for requests whose verified token allows it.
pub fn require(policy: Policy, routes: Vec<Route>) -> Vec<Route> {
    gated(routes, policy)
}

/// A fairing that mounts these routes, for requests that this authenticator lets through.
pub fn protect<C>(auth: Authenticator<C>, routes: Vec<Route>) -> AdHoc {
    // Not in the handler, so that the response of a catcher has them too.
    let headers = AdHoc::on_response("JWT response headers", |request, response| {
        Box::pin(async move {
            kept(request).headers.iter().for_each(|headers| headers.apply(&mut Fields(response)));
        })
    });
    let auth = auth.untyped();
    AdHoc::on_ignite("JWT", |rocket| async { rocket.mount("/", gated(routes, auth)).attach(headers) })
}

/// A request guard. `Option` of one takes a mistake for an anonymous request: take [`MaybeClaims`].
#[derive(Debug, Clone)]
pub struct Admitted<T>(pub T);

/// The claims of the verified token.
pub type Claims<C> = Admitted<VerifiedToken<C>>;
/// The claims, or `None` where there was no token and need not be.
pub type MaybeClaims<C> = Admitted<Option<VerifiedToken<C>>>;
/// The compact token.
pub type Token = Admitted<CompactToken>;

#[async_trait]
impl<'r, T: FromAdmission> request::FromRequest<'r> for Admitted<T> {
    type Error = Rejection;
    async fn from_request(request: &'r Request<'_>) -> request::Outcome<Self, Rejection> {
        let mut kept = kept(request);
        match T::from_admission(kept.admission.as_ref()).map_err(|rejection| rejection.for_request(&Head(request))) {
            Ok(admitted) => Outcome::Success(Self(admitted)),
            Err(rejection) => {
                kept.rejection = Some(rejection.clone());
                Outcome::Error((Status::new(rejection.answer.status.as_u16()), rejection))
            }
        }
    }
}
