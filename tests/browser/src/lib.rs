//! What the login examples are held against, each as the process that a user starts: real browsers, two instances on
//! one Redis or one PostgreSQL, and a restart. The tests themselves are with the examples, so that Cargo builds what they start.

#![expect(clippy::missing_panics_doc, reason = "whatever is amiss here makes a test fail")]

mod browser;
mod example;
mod instances;
mod other_browsers;
mod provider;
mod restart;

pub use browser::signs_in_with_a_browser;
pub use example::Example;
pub use instances::{share_logins_through_postgres, share_logins_through_redis};
pub use other_browsers::{signs_in_with_a_provider_in_firefox, signs_in_with_firefox, signs_in_with_webkit};
pub use provider::signs_in_with_a_provider;
pub use restart::survive_a_restart;
