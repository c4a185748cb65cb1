//! Takes a JSON Web Token out of a request, proves it, and yields typed claims.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod admission;
mod algorithm;
mod authenticator;
mod base64url;
mod builder;
mod challenge;
mod clock;
mod crypto;
mod error;
mod json;
mod key;
mod log;
mod request;
mod source;
mod token;
mod validation;
mod verify;

pub use admission::{Admission, Rejection};
pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use authenticator::{Authenticator, Verdict};
pub use builder::AuthenticatorBuilder;
pub use challenge::Answer;
pub use clock::{Clock, NumericDate, SystemClock};
pub use error::{
    AuthError, CheckError, ConfigError, Malformed, Misuse, RegisteredClaim, RequestError, ShapeError, TokenError,
};
pub use key::{KeyError, KeySet, SigningError, SigningKey, SkippedKey, VerifyingKey};
pub use request::RequestHead;
pub use source::TokenSource;
pub use token::{CompactToken, VerifiedToken};
pub use verify::{Header, Verifier};
