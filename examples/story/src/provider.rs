//! What an identity provider says of its users: that one has logged out, or that an account is disabled.

use std::error::Error;
use std::time::SystemTime;

use jwt_core::login::logout::LogoutProvider;
use jwt_core::{Algorithm, KeySet, SigningKey};
use serde_json::json;

use crate::login::{ISSUER, LIFETIME};

/// What the provider calls the login service.
const CLIENT: &str = "login";

/// What may happen to a user at the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happens {
    /// The user logs out: a logout token.
    LogOut,
    /// The account is disabled: a security event.
    Disable,
}

/// One event, as it is sent, and sent again.
#[derive(Debug, Clone)]
pub struct Event {
    pub(crate) media: &'static str,
    pub(crate) body: String,
}

/// The provider that the login service listens to, with a key of its own.
#[derive(Debug, Clone)]
pub(crate) struct Provider {
    key: SigningKey,
}

impl Provider {
    pub(crate) fn new() -> Result<Self, Box<dyn Error + Send + Sync>> {
        Ok(Self { key: SigningKey::generate(Algorithm::ES256)?.with_kid("provider") })
    }

    /// What the login service trusts it for.
    pub(crate) fn trusted(&self) -> LogoutProvider {
        // #logout-provider
        LogoutProvider::new(ISSUER, KeySet::from(self.key.verifying_key()), CLIENT).access_token_lifetime(LIFETIME)
    }

    // #events
    pub(crate) fn event(&self, happens: Happens, user: &str) -> Result<Event, Box<dyn Error + Send + Sync>> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
        let name = format!("{happens:?} {user} {}", now.as_nanos());
        let mut claims = json!({"iss": ISSUER, "aud": CLIENT, "iat": now.as_secs(), "jti": name});
        let (typ, media) = match happens {
            Happens::LogOut => {
                claims["exp"] = (now.as_secs() + 120).into();
                claims["sub"] = user.into();
                claims["events"] = json!({"http://schemas.openid.net/event/backchannel-logout": {}});
                ("logout+jwt", "application/x-www-form-urlencoded")
            }
            Happens::Disable => {
                claims["sub_id"] = json!({"format": "iss_sub", "iss": ISSUER, "sub": user});
                let disabled = "https://schemas.openid.net/secevent/risc/event-type/account-disabled";
                claims["events"] = json!({disabled: {}});
                ("secevent+jwt", "application/secevent+jwt")
            }
        };
        let token = self.key.clone().with_typ(typ).sign(&claims)?;
        let body = if happens == Happens::LogOut { format!("logout_token={token}") } else { token };
        Ok(Event { media, body })
    }
}
