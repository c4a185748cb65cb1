//! What errors share. A setting that is given twice is one. What a stranger wrote is shown on one line and cut short. `Debug`
//! says what `Display` says, since `fn main() -> Result<…>` and `unwrap` print `Debug`, and that is where people read it.

/// Which settings of a builder were given.
#[derive(Debug, Clone, Default)]
pub(crate) struct Given {
    names: Vec<&'static str>,
    twice: Option<&'static str>,
}

impl Given {
    /// A setting is given, by the name of its method.
    pub(crate) fn once(&mut self, setting: &'static str) {
        if self.names.contains(&setting) {
            self.twice.get_or_insert(setting);
        } else {
            self.names.push(setting);
        }
    }

    /// The first setting that was given twice.
    pub(crate) fn twice(&self) -> Option<&'static str> {
        self.twice
    }
}

/// The most that is shown of a text that a stranger chose, in characters.
pub(crate) const MAX_UNVERIFIED: usize = 128;

/// A text that a stranger chose, on one line and cut short.
pub(crate) fn unverified(text: &str) -> String {
    let cut: String = text.chars().take(MAX_UNVERIFIED).collect();
    format!("{cut:?}")
}

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
