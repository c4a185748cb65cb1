//! The endpoint that a reverse proxy asks before it passes a request on: a 2xx lets the request in, 401 and 403 do not.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::routing::any;
use jwt_tower::{Authenticator, Claims, JwtAuth};

/// What the services behind the proxy want to know of the user.
#[derive(Debug, Clone, serde::Deserialize)]
pub struct User {
    /// For the field `x-auth-name`.
    #[serde(default)]
    pub name: String,
}

/// The endpoint, at `/auth`. It answers with the subject and the name of the user in header fields, which the proxy passes
/// on. A subject that no header field can carry is refused: it must not be lost on the way.
pub fn app(auth: Authenticator<User>) -> Router {
    // To nginx, any other refusal than 401 and 403 is a failure of the endpoint, which it reports as 500.
    let layer = JwtAuth::new(auth).on_rejection(|_error, _request, mut head| {
        if head.status() == StatusCode::BAD_REQUEST {
            *head.status_mut() = StatusCode::FORBIDDEN;
        }
        head.map(|()| Body::empty())
    });
    Router::new().route("/auth", any(let_in)).layer(layer)
}

type LetIn = (StatusCode, [(HeaderName, HeaderValue); 2]);

async fn let_in(Claims(user): Claims<User>) -> Result<LetIn, StatusCode> {
    let field = |value: &str| HeaderValue::from_str(value).map_err(|_| StatusCode::FORBIDDEN);
    let subject = field(user.subject().unwrap_or_default())?;
    let name = field(&user.name)?;
    let fields = [(HeaderName::from_static("x-auth-subject"), subject), (HeaderName::from_static("x-auth-name"), name)];
    Ok((StatusCode::NO_CONTENT, fields))
}
