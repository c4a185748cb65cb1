use std::time::Duration;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use jwt_core::LoginError;

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
    /// Nobody could look at the password.
    #[error("This is not possible at the moment.")]
    NoAnswer,
    /// Whatever the library says.
    #[error("You are not signed in.")]
    Login(#[from] LoginError),
}

impl Refused {
    /// For a script or a mobile client.
    pub fn json(&self) -> Response<String> {
        let (status, error) = match self {
            Self::Login(error) => return error.response(),
            Self::WrongPassword => (StatusCode::BAD_REQUEST, r#"{"error":"invalid_grant"}"#),
            Self::TooManyAttempts(_) => (StatusCode::TOO_MANY_REQUESTS, r#"{"error":"slow_down"}"#),
            Self::NoAnswer => (StatusCode::SERVICE_UNAVAILABLE, r#"{"error":"temporarily_unavailable"}"#),
        };
        let mut response = Response::new(error.to_owned());
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Self::TooManyAttempts(wait) = self {
            headers.insert(RETRY_AFTER, (wait.as_secs() + 1).into());
        }
        response
    }

    /// For a browser: the login page, with what is wrong.
    pub fn page(&self) -> Response<String> {
        let (head, _) = self.json().into_parts();
        let message = if head.status.is_server_error() { Self::NoAnswer.to_string() } else { self.to_string() };
        let mut page = login_page(Some(&message));
        *page.status_mut() = head.status;
        if let Some(wait) = head.headers.get(RETRY_AFTER) {
            page.headers_mut().insert(RETRY_AFTER, wait.clone());
        }
        page
    }
}
