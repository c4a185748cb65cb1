//! What a browser is told of a login that it binds: which cookies, for which requests, and where they are refreshed.

use serde::Serialize;

use crate::login::cookies::{Attributes, LoginCookies};

#[derive(Serialize)]
struct Instructions<'i> {
    session_identifier: &'i str,
    refresh_url: String,
    scope: Scope<'i>,
    credentials: Vec<Credential<'i>>,
}

/// Requests to the origin of the routes, but for those that need no login.
#[derive(Serialize)]
struct Scope<'i> {
    include_site: bool,
    scope_specification: Vec<Rule<'i>>,
}

#[derive(Serialize)]
struct Rule<'i> {
    #[serde(rename = "type")]
    kind: &'static str,
    domain: &'static str,
    path: &'i str,
}

#[derive(Serialize)]
struct Credential<'i> {
    #[serde(rename = "type")]
    kind: &'static str,
    name: &'i str,
    attributes: String,
}

/// The JSON of the instructions. The bound cookies are those that last as long as an access token; the refresh token is bound
/// by its record.
pub(super) fn text(session: &str, routes: &str, exempt: &[Box<str>], cookies: &LoginCookies) -> String {
    let logout = format!("{routes}/logout");
    // Whoever logs out needs no new access token for it.
    let paths = [&*logout].into_iter().chain(exempt.iter().map(|path| &**path));
    let rule = |path| Rule { kind: "exclude", domain: "*", path };
    let instructions = Instructions {
        session_identifier: session,
        refresh_url: format!("{routes}/device/refresh"),
        scope: Scope { include_site: false, scope_specification: paths.map(rule).collect() },
        credentials: cookies.bound().map(credential).collect(),
    };
    // Strings and a bool always serialize.
    serde_json::to_string(&instructions).unwrap_or_default()
}

fn credential(cookie: &Attributes) -> Credential<'_> {
    Credential { kind: "cookie", name: &cookie.name, attributes: cookie.attributes() }
}
