//! Walks over every example: see `tests`.
