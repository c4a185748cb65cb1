//! Sessions: looked up, where a JWT is proved.

use serde::de::DeserializeOwned;

use super::{Noted, Verifier, claims};
use crate::error::{AuthError, Malformed, TokenError, Unavailable};
use crate::observe::log;
use crate::session::opaque::Kind;
use crate::session::sign_in::SignIn;
use crate::verify::token::VerifiedToken;

impl<C> Verifier<C> {
    pub(super) fn is_of_session(&self, token: &[u8]) -> bool {
        self.sessions.is_some() && Kind::Session.claims(token)
    }
}

impl<C: DeserializeOwned> Verifier<C> {
    /// The session of that token, in the form of a token that was proved.
    pub(crate) async fn look_up(&self, token: &[u8]) -> Result<VerifiedToken<C>, AuthError> {
        let sessions = self.sessions.as_ref().ok_or(TokenError::NoSession)?;
        let session = sessions.look_up(token).await.map_err(|error| {
            log::store_failed(&error);
            Unavailable::Store
        })?;
        let verified = self.read_session(&session.ok_or(TokenError::NoSession)?, token)?;
        self.checks.pass(&verified)?;
        Ok(verified)
    }

    /// What the application keeps with a session is read like the claims of a token, as strictly. What the record itself
    /// says counts before that.
    fn read_session(&self, session: &SignIn, token: &[u8]) -> Result<VerifiedToken<C>, TokenError> {
        let mut text = session.data_json().to_owned();
        let mut noted = Noted::default();
        let claims = claims::read::<C>(&text, &mut noted)?;
        noted.registered.subject = Some(session.subject.clone().into());
        noted.registered.token_id = Some(session.id.to_string().into());
        noted.registered.times.issued_at = Some(session.created_at);
        noted.registered.times.expires_at = Some(session.expires_at);
        let (registered, json_len) = (noted.registered.detach(&text), text.len());
        text.push_str(std::str::from_utf8(token).map_err(|_| TokenError::Malformed(Malformed::Base64))?);
        Ok(VerifiedToken::new(claims, registered, None, text, json_len, self.authority.clone()))
    }
}
