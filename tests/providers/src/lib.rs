//! The recipes of `docs/how-to/providers`, run with a client that answers as the provider does.

mod fake;
mod jwt_tower;

use std::pin::Pin;
use std::sync::Arc;

pub use fake::{Fake, Kind, Signer};
use jwt_core::Authenticator;
use serde::de::DeserializeOwned;

include!(concat!(env!("OUT_DIR"), "/recipes.rs"));

type Run = fn(&str, &[u8]) -> Result<Recipe, Box<dyn std::error::Error>>;
type Status = Pin<Box<dyn Future<Output = u16>>>;

/// What a recipe has built.
pub struct Recipe(Box<dyn Fn(http::Request<()>) -> Status>);

impl std::fmt::Debug for Recipe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recipe").finish_non_exhaustive()
    }
}

impl Recipe {
    fn new<C: DeserializeOwned + Send + Sync + 'static>(auth: Authenticator<C>) -> Self {
        let auth = Arc::new(auth);
        Self(Box::new(move |request| {
            let auth = auth.clone();
            Box::pin(async move {
                let outcome = match auth.outcome(&request) {
                    Ok(outcome) => outcome,
                    Err(pending) => pending.await,
                };
                outcome.result().map_or_else(|error| auth.answer(&error).status.as_u16(), |_| 200)
            })
        }))
    }

    /// The recipe of that page, with this provider behind it.
    ///
    /// # Panics
    /// Where there is no such page, or the recipe fails.
    pub fn of(page: &str, provider: &Fake, pem: &str, secret: &[u8]) -> Self {
        let (_, run) = RECIPES.iter().find(|(name, _)| *name == page).expect("the provider has a page");
        jwt_tower::with(provider.clone(), || run(pem, secret)).unwrap_or_else(|error| panic!("{page}: {error}"))
    }

    /// The names of the pages.
    pub fn pages() -> Vec<&'static str> {
        RECIPES.iter().map(|(name, _)| *name).collect()
    }

    /// The status of the answer to a request with this token in that header field.
    ///
    /// # Panics
    /// Where the token cannot stand in a header field.
    pub async fn status(&self, field: &str, token: &str) -> u16 {
        let value = if field == "authorization" { format!("Bearer {token}") } else { token.to_owned() };
        let request = http::Request::get("/").header(field, value).body(()).expect("a token can stand in a field");
        (self.0)(request).await
    }
}

/// Replaces the keys that the recipe has loaded itself.
pub fn replace_loaded_keys(pem: &str, kid: &str) {
    jwt_tower::replace_loaded_keys(pem, kid);
}
