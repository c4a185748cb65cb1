//! Access tokens that have expired, renewed while a request waits: what the authenticator asks for through its port.

use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue};

use super::{Login, LoginError, Logins};
use crate::authenticator::renewal::{NotRenewed, Renew, Renewed, Renewing};
use crate::issue::IssueError;
use crate::session::RefreshError;
use crate::single_flight::SingleFlight;

/// Renewals under way, by their refresh token: of any number of requests at once, one renews, and all get its login.
pub(super) type Renewals = SingleFlight<Box<[u8]>, Result<Login, LoginError>>;

impl Renew for Logins {
    fn renew(&self, refresh_token: Box<[u8]>) -> Renewing<'_> {
        Box::pin(async move {
            let renewed = match &self.0.renewals {
                Some(renewals) => {
                    renewals.join(refresh_token.clone(), || None, self.refresh(refresh_token), |_| {}).await
                }
                None => self.refresh(refresh_token).await,
            };
            match renewed.inspect_err(LoginError::log) {
                Ok(login) => {
                    let cookies = values(&self.set_cookies(&login));
                    Ok(Renewed { access_token: login.access_token().as_str().to_owned(), cookies })
                }
                Err(
                    LoginError::Store(_)
                    | LoginError::Reload(_)
                    | LoginError::ProviderUnavailable
                    | LoginError::Refresh(RefreshError::Store(_))
                    | LoginError::Issue(IssueError::Signer(_)),
                ) => Err(NotRenewed::Unavailable),
                Err(LoginError::Refresh(_)) => Err(NotRenewed::Refused { cookies: values(&self.clear_cookies()) }),
                Err(_) => Err(NotRenewed::Refused { cookies: Vec::new() }),
            }
        })
    }
}

fn values(cookies: &HeaderMap) -> Vec<HeaderValue> {
    cookies.get_all(SET_COOKIE).iter().cloned().collect()
}
