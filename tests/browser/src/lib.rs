//! What both login examples are held against, each as the process that a user starts: a real browser, and two instances
//! on one Redis. The tests themselves are with the examples, so that Cargo builds what they start.

#![expect(clippy::missing_panics_doc, reason = "whatever is amiss here makes a test fail")]

mod browser;
mod example;
mod instances;

pub use browser::signs_in_with_a_browser;
pub use example::Example;
pub use instances::share_logins_through_redis;
