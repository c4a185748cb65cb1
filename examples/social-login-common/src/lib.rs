//! What both examples of signing in with an identity provider have in common: the providers, who a user is, and the page.

mod loopback;
mod page;

use std::error::Error;
use std::sync::Arc;

use jwt_core::login::NewLogin;
use jwt_core::login::oidc::{ProviderAccess, ProviderError, ProviderUser};
use jwt_core::{Algorithm, Authenticator, Issuer, Logins, MemoryStore, ProviderLogin, RefreshTokens, SigningKey};
use serde::{Deserialize, Serialize};

pub use loopback::{Loopback, LoopbackError};
pub use page::page;

/// How to use it.
pub const USAGE: &str = "\
Sign in with an identity provider, on a page.

usage: cargo run -p social-login-axum [PORT]      (3000 unless told otherwise, 0 for any free port)

Without more it starts two providers of its own on this machine, by Node.js. Others instead, each by its variables:

  OIDC_ISSUER, OIDC_CLIENT_ID, OIDC_CLIENT_SECRET    any provider of OpenID Connect, such as https://accounts.google.com
  GITHUB_CLIENT_ID, GITHUB_CLIENT_SECRET             GitHub

Register http://localhost:3000/auth/callback/oidc there, or …/github.
";

/// The claims of a user, in our own tokens.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct User {
    /// Who it is, at which provider. An application with a database has its own number here.
    pub sub: String,
    /// What to call them.
    pub name: String,
}

/// What is read of an ID token.
#[derive(Debug, Deserialize)]
struct Person {
    name: Option<String>,
}

/// The logins, and the providers that people may choose from.
#[derive(Debug, Clone)]
pub struct Service {
    /// Ours.
    pub logins: Logins,
    /// Accepts their tokens, also none: the page is for everybody.
    pub auth: Authenticator<User>,
    /// Name in the path, and what people call it.
    pub providers: Arc<[(String, String)]>,
}

/// This is all that an application has to write: who is it, and may they come in?
async fn sign_in(person: ProviderUser<Person>) -> Result<Option<NewLogin>, std::convert::Infallible> {
    if person.subject() == "mallory" {
        return Ok(None);
    }
    let name = person.claims().name.clone().unwrap_or_else(|| person.subject().to_owned());
    let user = User { sub: format!("{}:{}", person.provider(), person.subject()), name };
    Ok(Some(person.log_in(&user)))
}

/// GitHub has no ID tokens: it is asked who that is.
async fn by_github(access: ProviderAccess) -> Result<Option<NewLogin>, ProviderError> {
    #[derive(Deserialize)]
    struct Account {
        id: u64,
        login: String,
    }
    let account: Account = access.get_json("https://api.github.com/user").await?;
    Ok(Some(access.log_in(&User { sub: format!("github:{}", account.id), name: account.login })))
}

impl Service {
    /// For an application at that port of this machine. `loopback` has its own providers, if they are wanted.
    ///
    /// # Errors
    /// Whatever is wrong with the settings.
    pub fn open(port: u16, loopback: Option<&Loopback>) -> Result<Self, Box<dyn Error>> {
        let key = SigningKey::generate(Algorithm::ES256)?;
        let origin = format!("http://localhost:{port}");
        let issuer = Issuer::builder(&*origin).audience("social-login").signing_key(key).build()?;
        let refresh_tokens = RefreshTokens::builder(Arc::new(MemoryStore::new())).build()?;
        let mut logins = Logins::builder(issuer, refresh_tokens).public_origin(&*origin);
        let mut providers = Vec::new();
        if let (Some(issuer), Some(id), Some(secret)) =
            (set("OIDC_ISSUER"), set("OIDC_CLIENT_ID"), set("OIDC_CLIENT_SECRET"))
        {
            let shown = issuer.clone();
            let provider = ProviderLogin::builder(issuer, id).client_secret(secret).scope("profile");
            logins = logins.provider("oidc", provider.on_sign_in(sign_in).failure_page("/").build()?);
            providers.push(("oidc".to_owned(), shown));
        }
        if let (Some(id), Some(secret)) = (set("GITHUB_CLIENT_ID"), set("GITHUB_CLIENT_SECRET")) {
            let (authorization, token) =
                ("https://github.com/login/oauth/authorize", "https://github.com/login/oauth/access_token");
            let provider = ProviderLogin::oauth2(authorization, token, id).client_secret_post(secret);
            logins = logins.provider("github", provider.on_access(by_github).failure_page("/").build()?);
            providers.push(("github".to_owned(), "GitHub".to_owned()));
        }
        for (name, issuer) in loopback.into_iter().flat_map(Loopback::issuers) {
            let provider = ProviderLogin::builder(issuer, "app").client_secret("a secret that everybody knows");
            let provider = provider.scope("profile").log_out_at_provider().failure_page("/");
            logins = logins.provider(name, provider.on_sign_in(sign_in).build()?);
            providers.push((name.to_owned(), name.to_owned()));
        }
        let logins = logins.build()?;
        let auth = logins.authenticator().optional().build()?;
        Ok(Self { logins, auth, providers: providers.into() })
    }
}

/// Whether real providers are configured.
pub fn has_providers() -> bool {
    set("OIDC_ISSUER").or(set("GITHUB_CLIENT_ID")).is_some()
}

fn set(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
