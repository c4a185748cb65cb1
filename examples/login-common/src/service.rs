use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use jwt_core::{Authenticator, Issuer, LoginCookies, Logins, RefreshTokens, Revocations};
use serde::{Deserialize, Serialize};

use crate::limits::Limits;
use crate::users::Users;
use crate::{Options, Refused, keys, stores};

/// Short: nothing that goes wrong with the list of revoked tokens lasts longer.
const ACCESS_TOKEN_LIFETIME: Duration = Duration::from_secs(5 * 60);

/// What a token says of its user.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct User {
    /// Who it is, for machines.
    pub sub: String,
    /// Who it is, for people.
    pub name: String,
}

/// What somebody signs in with.
#[derive(Deserialize)]
pub struct Credentials {
    /// The name.
    pub name: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Where a browser comes after a login: it shows there whether it has kept the cookies.
pub const SIGNED_IN: &str = "/signed-in";

/// Everything that a handler needs. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Service {
    /// Logs in, renews and logs out.
    pub logins: Logins,
    /// Verifies access tokens, from the header or the cookie, unless they are revoked.
    pub auth: Authenticator<User>,
    users: Arc<Users>,
    limits: Arc<Limits>,
}

impl Service {
    /// Opens it, in the Tokio runtime that lasts as long as the program: it follows the list of revoked tokens there.
    pub async fn open(options: &Options) -> Result<Self, Box<dyn Error>> {
        let (sign_ins, revoked) = stores::open(&options.store).await?;
        let key = keys::signing_key(options)?;
        let cookies = LoginCookies::builder();
        let cookies = if options.plain_http { cookies.dangerous_plain_http_on_localhost() } else { cookies };

        let issuer = Issuer::builder("https://login.example.com")
            .audience("login-example")
            .access_token_lifetime(ACCESS_TOKEN_LIFETIME)
            .signing_key(key)
            .build()?;
        let refresh_tokens = RefreshTokens::builder(sign_ins).build()?;
        // Known here at once, and on every other instance within a second.
        let revocations = Revocations::builder(revoked).open().await?;
        // In production, name the address that clients use, for the proofs of bound tokens: `.public_origin("https://…")`.
        let logins = Logins::builder(issuer, refresh_tokens)
            .cookies(cookies.build()?)
            .revocations(&revocations)
            .after_log_in(SIGNED_IN)
            .after_log_out("/login");
        let logins = if options.bind_to_device { logins.bind_to_device() } else { logins }.build()?;
        let auth = logins.authenticator().build()?;
        let (users, limits) = (Arc::new(Users::new()?), Arc::new(Limits::new()));
        Ok(Self { logins, auth, users, limits })
    }

    /// The user, if the password is right and there were not too many attempts.
    pub async fn check_password(&self, credentials: Credentials, from: IpAddr) -> Result<User, Refused> {
        self.limits.check(&credentials.name, from).map_err(Refused::TooManyAttempts)?;
        self.users.check_password(credentials).await
    }
}
