//! What the errors of every builder share: a setting that is given twice is one, and `Debug` says what `Display` says, since
//! `fn main() -> Result<…>` and `unwrap` print `Debug`, and that is where people read it.

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
