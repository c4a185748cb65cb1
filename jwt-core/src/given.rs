//! Settings that a builder takes once: a second call is an error of `build()`, and never replaces the first in silence.

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
