use serde::{Deserialize, Serialize};

/// What both kinds of token say about their bearer, or stand for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct User {
    /// Who it is, for machines.
    pub sub: String,
    /// Who it is, for people.
    pub name: String,
}

impl User {
    /// The one of that name, cut to 40 characters; nobody has none. Whoever says so is believed: this is no story about
    /// passwords.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let name: String = name.trim().chars().filter(|c| !c.is_control()).take(40).collect();
        (!name.is_empty()).then(|| Self { sub: name.to_lowercase().replace(' ', "-"), name })
    }
}

/// What a login is asked for.
#[derive(Debug, Deserialize)]
pub(crate) struct SignIn {
    /// Who it is.
    pub name: String,
    /// Where the client keeps what it gets.
    pub place: Place,
    /// Whether it ends in a few seconds, to see that happen.
    #[serde(default)]
    pub brief: bool,
}

/// Where a client keeps its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Place {
    /// In a cookie that no script can read.
    Cookie,
    /// In local storage, from where a script puts it into `Authorization`.
    Storage,
}
