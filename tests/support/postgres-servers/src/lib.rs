//! A real PostgreSQL of one's own for a test: one server, its streaming replica, PgBouncer before it. All of them end with
//! the test. They refuse to run as root, so that they run as nobody where the test does.

#![expect(clippy::missing_panics_doc, reason = "whatever is amiss here makes a test fail")]

mod bouncer;
mod server;
mod user;

pub use bouncer::{PgBouncer, pgbouncer_is_installed};
pub use server::{PostgresServer, postgres_is_installed};

use std::time::Duration;

/// How long a server may take to start. Far more than it does on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
