//! The acceptance suite for those who write an adapter: requests and the answers that every adapter gives, over TCP.
//!
//! The adapter is tested in an application of yours, by a server that you start as you like. [`run`] calls your function
//! once for each of a few configurations of the [`Authenticator`], sends requests to the address that it returns, and
//! says of every answer that is not the right one what was sent, what was expected and what came.
//!
//! ```no_run
//! use std::net::SocketAddr;
//!
//! use jwt_core::Authenticator;
//! use jwt_core::testing::acceptance::{self, User};
//!
//! /// Starts the application on a free port and returns when it listens.
//! fn serve(auth: Authenticator<User>) -> SocketAddr {
//! #   let _ = auth;
//!     todo!("in your framework")
//! }
//!
//! # #[allow(clippy::test_attr_in_doctest)]
//! #[test]
//! fn the_adapter_passes_the_acceptance_suite() {
//!     acceptance::run(serve).unwrap();
//! }
//! # acceptance::run(serve).unwrap();
//! ```
//!
//! # What the application answers
//!
//! | path | behind the adapter | answer where the request is let through, as plain text |
//! |---|---|---|
//! | `/me`, by GET and by POST | yes | `sub` of the claims [`User`] |
//! | `/maybe` | yes | `sub` of the claims, or `nobody` where the request is anonymous |
//! | `/token` | yes | the compact token |
//! | `/cached` | yes | `sub`, with `Cache-Control: max-age=60` and `Vary: Accept` set by the handler |
//! | `/elsewhere` | yes | asks for claims of another type than `User`, such as `()` |
//! | every path of [`guarded`] | yes | `served`, where the policy allows it |
//! | `/stacked` | yes | `served`, behind two guards: scope `read:things` outside, scope `write:things` inside |
//! | `/unprotected` | no | asks for the claims `User` all the same |
//! | `/unprotected-guard` | no | `served`, behind a guard for the scope `read:things` |
//!
//! Every handler but that of `/token` and those behind guards takes the claims in the way of the adapter: an extractor,
//! a request guard, or whatever its framework calls it.

mod case;
mod challenge;
mod client;
mod cross_site;
mod guards;
mod make;
mod requests;
mod setup;
#[cfg(test)]
mod tests;
mod tokens;

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;

pub use case::Failure;

use crate::authenticator::Authenticator;
use crate::config_error::debug_as_display;
use crate::error::{AuthError, Unavailable};
use crate::guard::{Policy, RealmAccess, ResourceAccess, Scopes};
use crate::verify::VerifiedToken;
use setup::Setup;

/// The claims of the application under test. What else is in it is for the policies of [`guarded`].
#[derive(Debug, Clone, Deserialize)]
#[non_exhaustive]
pub struct User {
    /// Whom the token is about.
    pub sub: String,
    /// What to call them.
    pub name: String,
    #[serde(default)]
    scope: Scopes,
    #[serde(default)]
    permissions: Scopes,
    #[serde(default)]
    realm_access: RealmAccess,
    #[serde(default)]
    resource_access: ResourceAccess,
    #[serde(default)]
    age: u32,
}

/// Runs every case. `serve` gets an authenticator, starts a server with it, and returns where it listens; it is called
/// several times, and the servers have to run until `run` is over. Returns how many cases there were.
///
/// # Errors
/// Every case that failed.
pub fn run(mut serve: impl FnMut(Authenticator<User>) -> SocketAddr) -> Result<usize, Failures> {
    let cases: Vec<_> =
        [requests::cases(), tokens::cases(), cross_site::cases(), guards::cases()].into_iter().flatten().collect();
    let mut failures = Vec::new();
    for setup in Setup::ALL {
        let address = serve(setup.authenticator());
        let cases = cases.iter().filter(|case| case.setup == setup);
        failures.extend(cases.filter_map(|case| case.check(address).err()));
    }
    if failures.is_empty() { Ok(cases.len()) } else { Err(Failures { failures, cases: cases.len() }) }
}

/// The paths that are behind a guard, each with its policy. An adapter makes its own guard out of the policy.
pub fn guarded() -> Vec<(&'static str, Policy)> {
    let admin = || Policy::role("admin");
    let read = || Policy::scope("read:things");
    let write = || Policy::scope("write:things");
    let down = || {
        Policy::check_async(|_: VerifiedToken<User>| async {
            later().await;
            Err::<(), AuthError>(Unavailable::Policy { retry_after: Duration::from_secs(5) }.into())
        })
    };
    let listed = Policy::check_async(|user: VerifiedToken<User>| async move {
        later().await;
        user.sub == "alice"
    });
    vec![
        ("/read", read()),
        ("/all", Policy::all_scopes(["read:things", "write:things"])),
        ("/any", Policy::any_scope(["read:things", "write:things"])),
        ("/admin", admin()),
        ("/adult", Policy::check(|user: &User| user.age >= 18)),
        ("/and", read().and(admin())),
        ("/or", admin().or(write())),
        ("/listed", listed.clone()),
        ("/listed-and", read().and(listed)),
        ("/down", down()),
        ("/down-or", down().or(admin())),
        ("/no-scope", Policy::scope("read things")),
        ("/stranger", Policy::check(|(): &()| true)),
    ]
}

/// Ready at the second poll: an answer that has to be waited for.
async fn later() {
    let mut waited = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut waited, true) {
            return std::task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

/// The name of a case about something that may be long.
fn name(case: &str, about: &str) -> String {
    format!("{case} {}", about.get(..40).unwrap_or(about))
}

/// The cases that failed, with what was sent, expected and received. `Debug` says what `Display` says, for `unwrap`.
#[derive(Clone)]
pub struct Failures {
    failures: Vec<Failure>,
    cases: usize,
}

impl Failures {
    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Failure> {
        self.failures.iter()
    }
}

impl fmt::Display for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} of {} cases failed:", self.failures.len(), self.cases)?;
        self.failures.iter().try_for_each(|failure| writeln!(f, "\n{failure}"))
    }
}

debug_as_display!(Failures);

impl std::error::Error for Failures {}
