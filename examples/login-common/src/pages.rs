use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, Response};
use jwt_core::clock::{Clock, SystemClock};
use jwt_core::login::Device;
use maud::{DOCTYPE, Markup, html};

use crate::User;

/// No script, no style, no image, no frame: forms, and requests to where the page is from.
const POLICY: &str =
    "default-src 'none'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
/// The same with the script that is served here.
const POLICY_WITH_SCRIPT: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; form-action 'self'; \
                                  frame-ancestors 'none'; base-uri 'none'";

const HEADERS: [(HeaderName, &str); 5] = [
    (CONTENT_TYPE, "text/html; charset=utf-8"),
    (CACHE_CONTROL, "no-store"),
    (CONTENT_SECURITY_POLICY, POLICY),
    // Not `no-referrer`, under which browsers send `Origin: null` with a form.
    (REFERRER_POLICY, "same-origin"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
];

/// Where one signs in, with what went wrong before.
pub fn login_page(message: Option<&str>) -> Response<String> {
    page(&html! {
        h1 { "Sign in" }
        @if let Some(message) = message { p role="alert" { (message) } }
        form method="post" action="/auth/login" {
            p { label { "Name " input name="name" autocomplete="username" required; } }
            p { label { "Password " input name="password" type="password" autocomplete="current-password" required; } }
            p { button { "Sign in" } }
        }
        p { "There are alice (follow the white rabbit) and bob (can we fix it)." }
        h2 { "Signed in before?" }
        form method="post" action="/auth/refresh" { button { "Go on" } }
    })
}

/// For whoever has signed in and comes without a token: back to the login page would be round in a circle.
pub fn no_cookies_page() -> Response<String> {
    page(&html! {
        h1 { "Your browser has not kept the cookies" }
        p role="alert" { "Your name and password were right. " (command_line::COOKIES_NOT_KEPT) }
        p { a href="/login" { "Sign in again" } }
    })
}

/// Who is signed in, and where else.
pub fn devices_page(user: &User, devices: &[Device]) -> Response<String> {
    let now = SystemClock.now().as_secs();
    page(&html! {
        h1 { "Hello, " (user.name) "!" }
        h2 { "Signed in on these devices" }
        ul {
            @for device in devices {
                li {
                    (device.label) ", last heard of " (now.saturating_sub(device.used_at) / 60) " minutes ago "
                    form method="post" action={ "/auth/devices/" (device.id) "/logout" } { button { "End" } }
                }
            }
        }
        form method="post" action="/auth/refresh" { button { "Renew" } }
        form method="post" action="/auth/logout" { button { "Sign out" } }
    })
}

/// Where a script signs in with tokens that are bound to a key of the browser.
pub fn dpop_page() -> Response<String> {
    let mut page = page(&html! {
        h1 { "Tokens that a thief cannot use" }
        p { "The key of this browser: " code id="key" {} }
        form name="login" {
            p { label { "Name " input name="name" autocomplete="username" required; } }
            p { label { "Password " input name="password" type="password" autocomplete="current-password" required; } }
            p { button { "Sign in" } }
        }
        form name="call" { button { "Call the API" } }
        form name="copy" { button { "Call it as somebody who has copied the token" } }
        form name="refresh" { button { "Refresh" } }
        ol id="results" {}
        script type="module" src="/dpop.js" {}
    });
    page.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY_WITH_SCRIPT));
    page
}

/// The script of that page.
pub fn dpop_script() -> Response<String> {
    let mut response = Response::new(include_str!("dpop.js").to_owned());
    let headers = [(CONTENT_TYPE, "text/javascript; charset=utf-8"), (X_CONTENT_TYPE_OPTIONS, "nosniff")];
    response.headers_mut().extend(headers.map(|(name, value)| (name, HeaderValue::from_static(value))));
    response
}

fn page(body: &Markup) -> Response<String> {
    let html = html! {
        (DOCTYPE)
        html lang="en" {
            head { meta name="viewport" content="width=device-width"; title { "Log people in" } }
            body { (body) }
        }
    };
    let mut response = Response::new(html.into_string());
    response.headers_mut().extend(HEADERS.map(|(name, value)| (name, HeaderValue::from_static(value))));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_device_calls_itself_is_text() {
        let device = serde_json::json!({
            "id": "AAAAAAAAAAAAAAAAAAAAAA", "label": "<script>alert(1)</script>",
            "signed_in_at": 0, "used_at": 0, "expires_at": 0, "current": false,
        });
        let device = serde_json::from_value(device).unwrap();
        let user = User { sub: "alice".into(), name: "Alice & <Bob>".into() };
        let page = devices_page(&user, &[device]).into_body();
        assert!(page.contains("&lt;script&gt;") && page.contains("Alice &amp; &lt;Bob&gt;"), "{page}");
        assert!(!page.contains("<script"), "{page}");
    }
}
