//! The recipe of the tutorials: an extractor of one's own on `TypedHeader` and `jsonwebtoken::decode`.

use std::hint::black_box;
use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use axum::routing::get;
use axum::{RequestPartsExt, Router};
use axum_extra::TypedHeader;
use axum_extra::headers::Authorization;
use axum_extra::headers::authorization::Bearer;
use http::StatusCode;
use http::request::Parts;

use super::ANSWER;
use crate::recipe::Recipe;
use crate::tokens::{Key, User};

pub(crate) fn router(key: &Key) -> Router {
    async fn hello(Authenticated(user): Authenticated) -> &'static str {
        black_box(user);
        ANSWER
    }
    Router::new().route("/", get(hello)).with_state(Arc::new(Recipe::new(key)))
}

struct Authenticated(User);

impl<S> FromRequestParts<S> for Authenticated
where
    Arc<Recipe>: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, StatusCode> {
        let TypedHeader(Authorization(bearer)) =
            parts.extract::<TypedHeader<Authorization<Bearer>>>().await.map_err(|_| StatusCode::UNAUTHORIZED)?;
        let recipe: Arc<Recipe> = FromRef::from_ref(state);
        recipe.verify(bearer.token()).map(Self).ok_or(StatusCode::UNAUTHORIZED)
    }
}
