//! What is published leads somewhere: see `tests`.
