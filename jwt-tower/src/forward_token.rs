//! Passing the token on to other services, as a layer around an HTTP client.

use std::error::Error;
use std::fmt;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Request;
use http::header::AUTHORIZATION;
use jwt_core::CompactToken;
use jwt_core::forward::{Authorizing, ForwardError, Forwarder};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

/// Passes the token of the request being served on to the services of a [`Forwarder`], and to no other: a layer around
/// an HTTP client.
///
/// The token is handed over with each outgoing request, in its extensions, as the [`CompactToken`] that the extractor
/// `Token` yields. A request without one goes out untouched, wherever it goes. A request with one goes to a target of
/// the forwarder with an `Authorization` header, or it does not go out at all: [`ForwardingError::Forward`]. So it is
/// with a redirect that is followed outside of this layer. A client that follows redirects by itself has to drop the
/// header on the way to another origin, as reqwest and tower-http do. A service that demands nonces in proofs needs
/// [`Forwarder::note_response`] with its responses.
///
/// The address of the request must be absolute, as the clients of hyper-util want it.
///
/// ```
/// use http::Request;
/// use jwt_tower::forward::Forwarder;
/// use jwt_tower::{ForwardToken, Token};
/// use tower_layer::Layer;
/// # #[derive(Clone)]
/// # struct Client;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let invoices = Forwarder::builder().target("https://invoices.example.com").build()?;
/// let client = ForwardToken::new(invoices).layer(Client);
/// # let _ = client;
///
/// fn unpaid(Token(token): Token) -> http::Result<Request<()>> {
///     Request::get("https://invoices.example.com/unpaid").extension(token).body(())
/// }
/// # let _ = unpaid;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct ForwardToken(Forwarder);

impl ForwardToken {
    /// A layer that asks this forwarder.
    pub fn new(forwarder: Forwarder) -> Self {
        Self(forwarder)
    }
}

impl<S> Layer<S> for ForwardToken {
    type Service = ForwardTokenService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ForwardTokenService { inner, forwarder: self.0.clone() }
    }
}

/// The client that [`ForwardToken`] makes.
#[derive(Clone)]
pub struct ForwardTokenService<S> {
    inner: S,
    forwarder: Forwarder,
}

/// Why a call to another service failed.
#[derive(Debug, Clone)]
pub enum ForwardingError<E> {
    /// The token was not passed on, and the call not made.
    Forward(ForwardError),
    /// What the client says.
    Client(E),
}

impl<S, Body> Service<Request<Body>> for ForwardTokenService<S>
where
    S: Service<Request<Body>> + Clone,
{
    type Response = S::Response;
    type Error = ForwardingError<S::Error>;
    type Future = ForwardFuture<S, Body>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(ForwardingError::Client)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        // Taken out: nobody further on needs it, and a copy of the request does not take it elsewhere.
        let state = match request.extensions_mut().remove::<CompactToken>() {
            None => State::Called { future: self.inner.call(request) },
            Some(_) if request.headers().contains_key(AUTHORIZATION) => State::AlreadyAuthorized,
            Some(token) => {
                let authorizing = self.forwarder.headers(&token, request.method().as_str(), request.uri());
                // `inner` itself, which was polled ready, and no clone of it, which was not.
                let clone = self.inner.clone();
                let inner = mem::replace(&mut self.inner, clone);
                State::Authorizing { authorizing, held: Some((inner, request)) }
            }
        };
        ForwardFuture { state }
    }
}

pin_project! {
    /// The response of the other service, or why it was not called.
    pub struct ForwardFuture<S, Body>
    where
        S: Service<Request<Body>>,
    {
        #[pin]
        state: State<S, Body>,
    }
}

pin_project! {
    #[project = Projected]
    enum State<S, Body>
    where
        S: Service<Request<Body>>,
    {
        Authorizing {
            authorizing: Authorizing,
            held: Option<(S, Request<Body>)>,
        },
        Called {
            #[pin]
            future: S::Future,
        },
        AlreadyAuthorized,
    }
}

impl<S, Body> Future for ForwardFuture<S, Body>
where
    S: Service<Request<Body>>,
{
    type Output = Result<S::Response, ForwardingError<S::Error>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                Projected::Authorizing { authorizing, held } => {
                    let fields = ready!(Pin::new(authorizing).poll(cx)).map_err(ForwardingError::Forward)?;
                    // Polled after it was ready, which the contract of futures leaves open.
                    let Some((mut inner, mut request)) = held.take() else { return Poll::Pending };
                    request.headers_mut().extend(fields);
                    State::Called { future: inner.call(request) }
                }
                Projected::Called { future } => return future.poll(cx).map_err(ForwardingError::Client),
                Projected::AlreadyAuthorized => {
                    return Poll::Ready(Err(ForwardingError::Forward(ForwardError::AlreadyAuthorized)));
                }
            };
            state.set(next);
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for ForwardTokenService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForwardTokenService").field("inner", &self.inner).field("forwarder", &self.forwarder).finish()
    }
}

impl<S: Service<Request<Body>>, Body> fmt::Debug for ForwardFuture<S, Body> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForwardFuture").finish_non_exhaustive()
    }
}

impl<E: fmt::Display> fmt::Display for ForwardingError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forward(error) => error.fmt(f),
            Self::Client(error) => error.fmt(f),
        }
    }
}

impl<E: Error + 'static> Error for ForwardingError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Forward(error) => error.source(),
            Self::Client(error) => error.source(),
        }
    }
}
