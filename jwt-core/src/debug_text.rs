//! `Debug` of an error says what `Display` says: `fn main() -> Result<…>` and `unwrap` print `Debug`, and that is where
//! people read it.

/// Implements `Debug` by `Display`.
macro_rules! debug_as_display {
    ($($error:ty),+ $(,)?) => {$(
        impl std::fmt::Debug for $error {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(self, f)
            }
        }
    )+};
}

pub(crate) use debug_as_display;
