//! What is remembered of a sign-in: refresh tokens and sessions.

mod build_error;
pub(crate) mod opaque;
mod provider_session;
pub(crate) mod refresh;
mod sessions;
pub(crate) mod sign_in;

pub use build_error::SignInsBuildError;
pub use opaque::OpaqueToken;
pub(crate) use provider_session::Ended;
pub use provider_session::ProviderSession;
pub use refresh::{RefreshError, RefreshTokens, RefreshTokensBuilder};
pub use sessions::{Sessions, SessionsBuilder};
pub use sign_in::{NewSignIn, SignIn};
