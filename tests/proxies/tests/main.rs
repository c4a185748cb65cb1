//! Reverse proxies in front of both frameworks, with the lines of `docs/how-to/reverse-proxies.md`.

#![expect(clippy::unwrap_used, reason = "all of this is tests")]

mod in_front;
mod proxy;
