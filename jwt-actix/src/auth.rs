//! `JwtAuth`: the middleware, and how it answers.

use std::fmt;
use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponseBuilder, Responder};
use jwt_core::adapter::AnyClaims;
use jwt_core::{AuthError, Authenticator};

use crate::rejection::Hook;
use crate::require::Require;
use crate::service::JwtAuthAndRequire;

/// Lets only authenticated requests through.
#[derive(Clone)]
pub struct JwtAuth {
    pub(crate) authenticator: Authenticator<AnyClaims>,
    pub(crate) hook: Option<Arc<Hook>>,
}

impl JwtAuth {
    /// Middleware that asks this authenticator, and answers rejected requests with a problem document (RFC 9457).
    pub fn new<C>(authenticator: Authenticator<C>) -> Self {
        Self { authenticator: authenticator.untyped(), hook: None }
    }

    /// With a guard inside, in one `wrap`: what the token does not allow is answered as whatever else is refused. For more guards,
    /// join them by [`Require::and`](crate::Require::and). For a single resource, see [`Require`](crate::Require) as middleware.
    ///
    /// ```
    /// # use actix_web::{App, web};
    /// # use jwt_actix::{Authenticator, JwtAuth, KeySet, Require, Scopes};
    /// # #[derive(serde::Deserialize)]
    /// # struct User { scope: Scopes }
    /// # let auth = Authenticator::<User>::builder()
    /// #     .keys(KeySet::hs256(b"a secret of at least thirty-two bytes")?)
    /// #     .audience("api")
    /// #     .scopes(|user| &user.scope)
    /// #     .build()?;
    /// let app = App::new()
    ///     .route("/things", web::get().to(|| async { "things" }))
    ///     .wrap(JwtAuth::new(auth).require(Require::scope("read:things")));
    /// # let _ = app;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn require(self, guard: Require) -> JwtAuthAndRequire {
        JwtAuthAndRequire { auth: self, guard }
    }

    /// Answers rejected requests with an empty body.
    #[must_use]
    pub fn empty_body(self) -> Self {
        self.on_rejection(|_, _, mut head| head.finish())
    }

    /// Answers rejected requests by a function of the application. It gets the error, the request, and the head of the
    /// answer, with status and challenge set. It returns anything that actix-web takes for a response.
    ///
    /// A refusal stays one: where the response says that all is well, it gets the status of the answer, and where it has no
    /// challenge, `Cache-Control` or `Retry-After`, it gets those of the answer. A redirect stays a redirect.
    ///
    /// What a [`Require`](crate::Require) or an extractor further inside refuses comes by here as well. The response is
    /// replaced as a whole: what other middleware in between has put into its head is lost.
    ///
    /// [`AuthError::public_message`] is safe to show. **The text of the error itself is not**: it is for the log.
    ///
    /// ```
    /// # use jwt_actix::{Authenticator, JwtAuth, KeySet};
    /// # let auth = Authenticator::<()>::builder()
    /// #     .keys(KeySet::hs256(b"a secret of at least thirty-two bytes")?)
    /// #     .audience("api")
    /// #     .build()?;
    /// let middleware = JwtAuth::new(auth).on_rejection(|error, _request, _head| error.public_message());
    /// # let _ = middleware;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn on_rejection<R: Responder + 'static>(
        mut self,
        hook: impl Fn(&AuthError, &HttpRequest, HttpResponseBuilder) -> R + Send + Sync + 'static,
    ) -> Self {
        self.hook = Some(Arc::new(move |error, request, head| {
            hook(error, request, head).respond_to(request).map_into_boxed_body()
        }));
        self
    }
}

impl fmt::Debug for JwtAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JwtAuth").field(&self.authenticator).finish()
    }
}
