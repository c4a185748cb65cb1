//! The story as it is started: by itself, under load, in a browser, and how it ends.

mod browser;
mod client;
mod cluster;
mod ends;
mod page;

use tokio::sync::RwLock;

/// The machine. What measures, and the person at the page, have it alone; the rest share it.
static MACHINE: RwLock<()> = RwLock::const_new(());
