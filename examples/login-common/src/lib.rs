//! What both login examples have in common: the options, the service that they open, the users and their passwords, the
//! limits, the pages. Nothing here knows a web framework.

mod keys;
mod limits;
mod options;
mod pages;
mod refused;
mod service;
mod stores;
mod users;

pub use options::{Options, Place, print_usage};
pub use pages::{devices_page, dpop_page, dpop_script, login_page, no_cookies_page};
pub use refused::Refused;
pub use service::{Credentials, SIGNED_IN, Service, User};
