//! `JwtAuth`: the layer, and how it answers.

use std::fmt;
use std::net::SocketAddr;
use std::ops::Deref;

use http::request::Parts;
use http::{Response, Uri};
use jwt_core::adapter::AnyClaims;
use jwt_core::{AuthError, Authenticator};

use crate::rejection::{EmptyBody, Hook, ProblemBody};
use crate::request::Facts;
use crate::require::Require;

/// Lets only authenticated requests through.
///
/// `R` makes the body of a rejection; see [`on_rejection_response`](Self::on_rejection_response).
pub struct JwtAuth<R = ProblemBody> {
    pub(crate) authenticator: Authenticator<AnyClaims>,
    pub(crate) facts: Facts,
    pub(crate) rejection: R,
}

impl JwtAuth {
    /// A layer that asks this authenticator, and answers rejected requests with a problem document (RFC 9457).
    pub fn new<C>(authenticator: Authenticator<C>) -> Self {
        Self { authenticator: authenticator.untyped(), facts: Facts::default(), rejection: ProblemBody }
    }
}

impl<R> JwtAuth<R> {
    /// Takes the address of the peer, which tells [trusted proxies](jwt_core::binding::TrustedProxies) from others, from this
    /// type in the extensions of the request: on axum `ConnectInfo<SocketAddr>`, which is there if the router is served by
    /// `into_make_service_with_connect_info::<SocketAddr>()`. Without it, a [`PeerAddress`](jwt_core::adapter::PeerAddress) in
    /// the extensions says it, which wins over this.
    ///
    /// ```
    /// # use std::net::SocketAddr;
    /// # use jwt_tower::{Authenticator, JwtAuth, KeySet};
    /// use axum::extract::{ConnectInfo, OriginalUri};
    /// # let auth = Authenticator::<()>::builder()
    /// #     .keys(KeySet::hs256(b"a secret of at least thirty-two bytes")?)
    /// #     .audience("api")
    /// #     .build()?;
    ///
    /// let layer = JwtAuth::new(auth).peer_from::<ConnectInfo<SocketAddr>>().uri_from::<OriginalUri>();
    /// # let _ = layer;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn peer_from<T: Deref<Target = SocketAddr> + Send + Sync + 'static>(mut self) -> Self {
        self.facts.peer = Some(|extensions| extensions.get::<T>().map(|address| address.ip()));
        self
    }

    /// Takes the target of the request from this type in its extensions: on axum `OriginalUri`, for a layer inside of a router
    /// that is nested, where the path lacks what the router is nested at. `htu` of a DPoP proof is compared with it (RFC 9449
    /// §4.3). Without it, or where there is none, the target is that of the request.
    #[must_use]
    pub fn uri_from<T: Deref<Target = Uri> + Send + Sync + 'static>(mut self) -> Self {
        self.facts.uri = Some(|extensions| extensions.get::<T>().map(|uri| &**uri));
        self
    }

    /// With a guard inside, as one layer: axum boxes a service for each `layer` call, and so only once. For more guards, join
    /// them by [`Require::and`](crate::Require::and). For a single route, see [`Require`](crate::Require) as a layer.
    ///
    /// ```
    /// # use axum::{Router, routing::get};
    /// # use jwt_tower::{Authenticator, JwtAuth, KeySet, Require, Scopes};
    /// # #[derive(serde::Deserialize)]
    /// # struct User { scope: Scopes }
    /// # let auth = Authenticator::<User>::builder()
    /// #     .keys(KeySet::hs256(b"a secret of at least thirty-two bytes")?)
    /// #     .audience("api")
    /// #     .scopes(|user| &user.scope)
    /// #     .build()?;
    /// let app: Router = Router::new()
    ///     .route("/things", get(|| async { "things" }))
    ///     .layer(JwtAuth::new(auth).require(Require::scope("read:things")));
    /// # let _ = app;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn require(self, guard: Require) -> (Self, Require) {
        (self, guard)
    }

    /// Answers rejected requests with an empty body: for response bodies that cannot be made out of a text, such as
    /// those of tonic.
    #[must_use]
    pub fn empty_body(self) -> JwtAuth<EmptyBody> {
        JwtAuth { authenticator: self.authenticator, facts: self.facts, rejection: EmptyBody }
    }

    /// Answers rejected requests by a function of the application, on any Tower stack. It gets the error, the head of the
    /// request, and the head of the answer, with status and challenge set, and puts a body of the stack to it. On axum,
    /// `on_rejection` takes anything that is a response there.
    ///
    /// A refusal stays one: where the response says that all is well, it gets the status of the answer, and where it has no
    /// challenge, `Cache-Control` or `Retry-After`, it gets those of the answer.
    ///
    /// What a [`Require`](crate::Require) or an extractor further inside refuses comes by here as well. The response is
    /// replaced as a whole: what other layers in between have put into its head is lost.
    ///
    /// [`AuthError::public_message`] is safe to show. **The text of the error itself is not**: it is for the log.
    ///
    /// ```
    /// # use jwt_tower::{Authenticator, JwtAuth, KeySet};
    /// # let auth = Authenticator::<()>::builder()
    /// #     .keys(KeySet::hs256(b"a secret of at least thirty-two bytes")?)
    /// #     .audience("api")
    /// #     .build()?;
    /// let layer = JwtAuth::new(auth)
    ///     .on_rejection_response(|error, _request, head| head.map(|()| error.public_message().to_owned()));
    /// # let _ = layer;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn on_rejection_response<F, B>(self, hook: F) -> JwtAuth<Hook<F>>
    where
        F: Fn(&AuthError, &Parts, Response<()>) -> Response<B>,
    {
        JwtAuth { authenticator: self.authenticator, facts: self.facts, rejection: Hook(hook) }
    }
}

impl<R: Clone> Clone for JwtAuth<R> {
    fn clone(&self) -> Self {
        Self { authenticator: self.authenticator.clone(), facts: self.facts, rejection: self.rejection.clone() }
    }
}

impl<R> fmt::Debug for JwtAuth<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JwtAuth").field(&self.authenticator).finish()
    }
}
