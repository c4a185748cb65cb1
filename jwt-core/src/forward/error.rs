//! Why a token is not passed on, and why a forwarder cannot be set up as asked.

use super::ExchangeError;
use crate::config_error::debug_as_display;

/// Why a token is not passed on. The call should not be made then.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ForwardError {
    /// The address has the origin of no target, or is not absolute.
    #[error("not an address of a target: tokens go to the origins that `.target(…)` names and nowhere else")]
    NotATarget,
    /// The outgoing request has an `Authorization` of its own already.
    #[error("the request has an `Authorization` already: remove it, or do not pass a token with it")]
    AlreadyAuthorized,
    /// The token, or the one that it was exchanged for, would expire before the end of the call. The client needs a new
    /// one.
    #[error("the token expires too soon to be passed on")]
    Expiring,
    /// The token is bound to a key of its client, which this service does not have: no other service may take it from here
    /// (RFC 9449 §7.2).
    #[error(
        "the token is bound to a key of its client and is never passed on as it is: exchange it, by an audience of the target and `.exchange(…)`"
    )]
    Bound,
    /// No proof could be signed.
    #[error("a DPoP proof for the call could not be signed")]
    Proof,
    /// It could not be exchanged.
    #[error("the token could not be exchanged: {0}")]
    Exchange(#[from] ExchangeError),
    /// The exchange yielded a token that cannot be written into a header field.
    #[error("the exchange yielded a token that cannot be written into a header field")]
    Unsendable,
}

/// Why a [`Forwarder`](crate::forward::Forwarder) cannot be built as asked. Never holds the credentials of an address.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ForwarderBuildError {
    /// There is no target.
    #[error("no target to pass tokens on to: call `.target(\"https://…\")`")]
    NoTarget,
    /// A target is not an origin.
    #[error(
        "the target `{origin}` is not an origin: write scheme, host and port, such as `https://invoices.example.com`, without credentials, path, query and fragment"
    )]
    NotAnOrigin {
        /// What was given, with `…` for credentials.
        origin: Box<str>,
    },
    /// A target is on another machine, over plain http.
    #[error(
        "tokens that are sent to `{origin}` over plain http can be read on the way: use https (http is for loopback addresses)"
    )]
    InsecureOrigin {
        /// The target.
        origin: Box<str>,
    },
    /// The same target twice.
    #[error("the target `{origin}` is named twice: keep one")]
    DuplicateTarget {
        /// The target, with its port.
        origin: Box<str>,
    },
    /// A setting that has one value was given twice.
    #[error("`.{setting}(…)` is called twice: keep one call")]
    SetTwice {
        /// The setting.
        setting: &'static str,
    },
    /// A setting of a target was given twice.
    #[error("the target `{origin}` has `.{setting}(…)` twice: keep one call")]
    TargetSetTwice {
        /// The target, with its port.
        origin: Box<str>,
        /// The setting.
        setting: &'static str,
    },
    /// A target has the empty audience.
    #[error(
        "the target `{origin}` has an empty `.audience(\"\")`: name what the service is called in `aud`, or leave it out"
    )]
    EmptyAudience {
        /// The target, with its port.
        origin: Box<str>,
    },
    /// A target has the empty scope.
    #[error("the target `{origin}` has an empty `.scope(\"\")`: name a scope, or leave it out")]
    EmptyScope {
        /// The target, with its port.
        origin: Box<str>,
    },
    /// A target needs a narrower token, and there is no exchange to get one from.
    #[error(
        "the target `{origin}` has an audience, a scope or a lifetime, which needs `.exchange(…)`: add one, or leave them out"
    )]
    NoExchange {
        /// The target, with its port.
        origin: Box<str>,
    },
    /// There is an exchange, and no target needs it.
    #[error(
        "`.exchange(…)` is for targets with an audience, a scope or a lifetime: give one to a target, or leave it out"
    )]
    UnusedExchange,
    /// There is a key for bound tokens, and no exchange to get one from.
    #[error("`.dpop(…)` is for exchanged tokens, which are bound to its key: add `.exchange(…)`, or leave it out")]
    UnusedDpop,
}

debug_as_display!(ForwardError, ForwarderBuildError);
