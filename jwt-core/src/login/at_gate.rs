//! What the gate is told of logins: sessions as a kind of token, and the list of revoked tokens.

use crate::authenticator::AuthenticatorBuilder;
use crate::authenticator::settings::Revocation;
use crate::claims::ClaimsType;
use crate::error::{AuthError, TokenError, Unavailable};
use crate::facade::tracing;
use crate::revocation::{Revocations, Revoked, TokenIdentity};
use crate::session::Sessions;
use crate::session::opaque::Kind;
use crate::verify::{CredentialKind, Identity, LookUp, LookedUp, VerifiedToken};

impl CredentialKind for Sessions {
    fn recognizes(&self, token: &[u8]) -> bool {
        Kind::Session.claims(token)
    }

    fn look_up<'a>(&'a self, token: &'a [u8]) -> LookUp<'a> {
        Box::pin(async move {
            let session = Sessions::look_up(self, token).await.map_err(|error| {
                tracing::error!(target: "jwt", reason = %error, "the store did not do what a request needs");
                AuthError::from(Unavailable::Store)
            })?;
            Ok(session.map(|session| {
                let found = LookedUp::new(session.data_json()).subject(session.subject.as_str());
                let found = found.token_id(session.id.to_string());
                found.issued_at(session.created_at).expires_at(session.expires_at)
            }))
        })
    }
}

impl<'t> From<&Identity<'t>> for TokenIdentity<'t> {
    fn from(token: &Identity<'t>) -> Self {
        let &Identity { issuer, token_id, subject, issued_at, .. } = token;
        Self { issuer, token_id, session_id: token.session_id(), subject, issued_at }
    }
}

impl<'t, C> From<&'t VerifiedToken<C>> for TokenIdentity<'t> {
    fn from(token: &'t VerifiedToken<C>) -> Self {
        Self::from(&token.common().identity())
    }
}

/// As [`Revocations::check`], without looking for a `sid` that no entry names.
fn revoked(list: &Revocations, token: &Identity<'_>) -> Result<(), Revoked> {
    let &Identity { issuer, token_id, subject, issued_at, .. } = token;
    list.check_with(TokenIdentity { issuer, token_id, session_id: None, subject, issued_at }, || token.session_id())
}

#[cfg_attr(feature_labels, doc(cfg(feature = "login")))]
impl<C> AuthenticatorBuilder<C> {
    /// Refuses tokens that are on this list, cached ones too. A token is known by its `jti`, which
    /// [`required_claim`](Self::required_claim) can demand, by its `sid`, and by its `sub` and `iat`. None.
    #[must_use]
    pub fn revocations(mut self, revocations: &Revocations) -> Self {
        self.settings.given.once("revocations");
        let (list, leeway) = (revocations.clone(), revocations.leeway());
        let check = move |token: &Identity<'_>| match revoked(&list, token) {
            Ok(()) => Ok(()),
            Err(Revoked::Revoked) => Err(TokenError::Revoked.into()),
            Err(Revoked::Unknown) => Err(Unavailable::Revocations.into()),
        };
        self.settings.revocation = Some(Revocation { check: Box::new(check), leeway });
        self
    }

    /// Accepts the tokens of these sessions, looked up in their store at every request, beside JWTs. Without
    /// [`keys`](Self::keys) and whatever else brings some, accepts nothing else. None.
    ///
    /// Sources, checks, scopes and roles, and what concerns cross-site requests, are the same for both. What is expected
    /// of the claims of a JWT is not expected of a session, which nobody else can have made.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use jwt_core::session::NewSignIn;
    /// use jwt_core::{Authenticator, LoginCookies, MemoryStore, Sessions};
    ///
    /// #[derive(serde::Serialize, serde::Deserialize)]
    /// struct User {
    ///     name: String,
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let sessions = Sessions::builder(Arc::new(MemoryStore::new())).build()?;
    /// let cookies = LoginCookies::builder().access_name("__Host-session").build()?;
    /// let auth = Authenticator::<User>::builder().sessions(&sessions).source(cookies.source()).build()?;
    ///
    /// // At login:
    /// let (token, session) = sessions.start(NewSignIn::new("alice", &User { name: "Alice".into() })?).await?;
    /// let headers = cookies.set_session(&token, &session);
    /// # let _ = headers;
    ///
    /// // At every request, by the middleware:
    /// let user = auth.verifier().verify_async(&token).await?;
    /// assert_eq!((user.name.as_str(), user.subject()), ("Alice", Some("alice")));
    /// # Ok(()) }
    /// ```
    ///
    /// A session that has ended is a 401; a store that does not answer is a 503,
    /// [`Unavailable::Store`](crate::error::Unavailable::Store).
    #[must_use]
    pub fn sessions(mut self, sessions: &Sessions) -> Self
    where
        C: ClaimsType,
    {
        self.settings.given.once("sessions");
        self.credentials(sessions.clone())
    }
}
