use std::time::Duration;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use jwt_core::{AuthError, IssueError, LoginError, RefreshError, StoreError};

use crate::pages::login_page;

/// Why somebody is not signed in, not renewed or not signed out.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Or there is nobody of that name: the answer is the same.
    #[error("Name or password is wrong.")]
    WrongPassword,
    /// Too many for now.
    #[error("Too many attempts. Try again in a minute.")]
    TooManyAttempts(Duration),
    /// There is no login to renew.
    #[error("You are not signed in.")]
    NotSignedIn,
    /// The request is none that we answer.
    #[error("This request is not acceptable.")]
    Request(#[from] AuthError),
    /// The store or the issuer did not do it.
    #[error("This is not possible at the moment.")]
    NoAnswer,
}

impl From<LoginError> for Refused {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::Refresh(RefreshError::Store(error)) | LoginError::Store(error) => error.into(),
            LoginError::Refresh(RefreshError::Reused(sign_in)) => {
                tracing::warn!(subject = sign_in.subject, "a refresh token was used twice: its login has ended");
                Self::NotSignedIn
            }
            LoginError::Refresh(_) => Self::NotSignedIn,
            other => {
                tracing::error!("{other}");
                Self::NoAnswer
            }
        }
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        tracing::error!("{error}");
        Self::NoAnswer
    }
}

impl From<IssueError> for Refused {
    fn from(error: IssueError) -> Self {
        LoginError::from(error).into()
    }
}

impl Refused {
    fn status(&self) -> StatusCode {
        match self {
            Self::WrongPassword | Self::NotSignedIn => StatusCode::UNAUTHORIZED,
            Self::TooManyAttempts(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Request(AuthError::CrossSite(_)) => StatusCode::FORBIDDEN,
            Self::Request(_) => StatusCode::BAD_REQUEST,
            Self::NoAnswer => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// For a script or a mobile client.
    pub fn json(&self) -> Response<String> {
        let mut response = Response::new(serde_json::json!({"title": self.to_string()}).to_string());
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        self.with_head(response)
    }

    /// For a browser: the login page, with what is wrong.
    pub fn page(&self) -> Response<String> {
        self.with_head(login_page(Some(&self.to_string())))
    }

    fn with_head(&self, mut response: Response<String>) -> Response<String> {
        *response.status_mut() = self.status();
        if let Self::TooManyAttempts(wait) = self {
            response.headers_mut().insert(RETRY_AFTER, (wait.as_secs() + 1).into());
        }
        response
    }
}
