//! What the acceptance suite is made of: servers that protect the same routes on different stacks, a client that
//! sends what it is told to the byte, and tokens.

mod browser;
mod elsewhere;
mod guarded;
mod log;
mod login;
mod mcp;
mod routed;
mod stacks;
mod store;
mod tokens;

pub use browser::{Browser, Jar};
pub use client::{Connection, Reply, request, request_to, shows_token};
pub use elsewhere::{LOGOUT_STACKS, LogoutStack};
pub use guarded::{GUARDED, GuardedStack, Member, TooYoung, member_builder, plain_member_builder};
pub use log::Log;
pub use login::{LOGIN_STACKS, LoginStack};
pub use mcp::{MCP_STACKS, MCP_TOOLS, McpStack};
pub use routed::{ROUTED, RoutedStack};
pub use stacks::{STACKS, Server, Stack};
pub use store::WatchedStore;
pub use tokens::{
    AUDIENCE, ISSUER, NOW, SECRET, base64url, compact, good_claims, hs256, is_built_in, key_bytes, key_file, named_key,
    sign,
};

use jwt_core::clock::{Clock, NumericDate};
use jwt_core::key::KeySource;
use jwt_core::metadata::ResourceMetadata;
use jwt_core::{Authenticator, AuthenticatorBuilder, KeySet};
use serde::{Deserialize, Serialize};

/// The claims that the servers ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Whom the token is about.
    pub sub: String,
    /// What to call them.
    pub name: String,
}

/// A clock that stands still at [`NOW`].
#[derive(Debug, Clone, Copy)]
pub struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> NumericDate {
        NumericDate::from_secs(NOW)
    }
}

/// The authenticator that most tests start from: HS256, an issuer, an audience, a clock that stands still.
///
/// # Panics
/// Where the fixed secret is refused.
pub fn builder() -> AuthenticatorBuilder<User> {
    builder_with(KeySet::hs256(SECRET).expect("the secret is long enough"))
}

/// The same with other keys.
pub fn builder_with(keys: impl Into<KeySource>) -> AuthenticatorBuilder<User> {
    let builder = Authenticator::builder().keys(keys).issuer(ISSUER).audience(AUDIENCE).clock(Stopped);
    #[cfg(feature = "cache")]
    let builder = builder.cache(jwt_core::TokenCache::new());
    builder
}

/// The metadata that every server has at its well-known path, outside of what is protected.
///
/// # Panics
/// Where the fixed addresses are refused.
pub fn metadata() -> ResourceMetadata {
    let builder = ResourceMetadata::builder("https://api.example.com/me").authorization_server(ISSUER).scope("read");
    builder.build().expect("the addresses are good ones")
}
