//! Why a request of a browser was refused, with the cookies that its response clears.

use http::{HeaderMap, Response};

use super::{BodyError, LoginError};
use crate::config_error::debug_as_display;
use crate::error::AuthError;
use crate::issue::IssueError;
use crate::session::refresh::RefreshError;
use crate::store::StoreError;

/// Why a request of a browser was refused, or was not served completely. Its [`response`](Self::response) also makes the
/// browser forget a login that has ended.
#[derive(Clone, thiserror::Error)]
#[error("{reason}")]
pub struct LoginRefusal {
    reason: LoginError,
    cleared: Box<HeaderMap>,
}

debug_as_display!(LoginRefusal);

impl LoginRefusal {
    pub(super) fn clearing(reason: LoginError, cleared: HeaderMap) -> Self {
        Self { reason, cleared: cleared.into() }
    }

    /// Why.
    pub fn reason(&self) -> &LoginError {
        &self.reason
    }

    /// The header fields that make a browser forget its login. None where the login goes on, or may go on.
    ///
    /// A response of your own needs them, beside the status of [`response`](Self::response).
    pub fn headers(&self) -> &HeaderMap {
        &self.cleared
    }

    /// The response for the client: that of [`LoginError::response`], with [`headers`](Self::headers). Logs the reason.
    pub fn response(&self) -> Response<String> {
        let mut response = self.reason.response();
        // In the order in which they are: a map that is extended keeps all fields of a name.
        response.headers_mut().extend((*self.cleared).clone());
        response
    }
}

impl From<LoginError> for LoginRefusal {
    fn from(reason: LoginError) -> Self {
        Self { reason, cleared: Box::default() }
    }
}

/// For `?` in a handler.
macro_rules! through_login_error {
    ($($error:ty),+) => {$(
        impl From<$error> for LoginRefusal {
            fn from(error: $error) -> Self {
                LoginError::from(error).into()
            }
        }
    )+};
}

through_login_error!(AuthError, BodyError, IssueError, RefreshError, StoreError);
