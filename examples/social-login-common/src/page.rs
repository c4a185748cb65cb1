//! The page, for whoever is signed in and for everybody else.

use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY};
use http::{HeaderValue, Response};
use maud::{DOCTYPE, html};

use crate::{Service, User};

const HEADERS: [(HeaderName, &str); 4] = [
    (CONTENT_TYPE, "text/html; charset=utf-8"),
    (CACHE_CONTROL, "no-store"),
    // Without `form-action 'self'`, which also stops the way to the provider behind the form that signs out.
    (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"),
    // Not `no-referrer`, under which browsers send `Origin: null` with a form.
    (REFERRER_POLICY, "same-origin"),
];

/// What is in the address of the page after a sign-in, so that it knows who has no cookie but has just signed in.
const SIGNED_IN: &str = "signed-in";

/// The page. `query` is that of its address, where a sign-in that failed leaves its code.
pub fn page(service: &Service, user: Option<&User>, query: &str) -> Response<String> {
    let denied = query.split('&').any(|pair| pair == "error=access_denied");
    // The provider has answered to a browser that has no cookie of the flow, or that took its time.
    let unknown = query.split('&').any(|pair| pair == "error=invalid_request");
    let failed = query.split('&').any(|pair| pair.starts_with("error="));
    let without_cookies = unknown || query.split('&').any(|pair| pair == SIGNED_IN);
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head { meta charset="utf-8"; title { "Sign in with a provider" } }
            body {
                @if let Some(user) = user {
                    h1 { "Hello, " (user.name) "!" }
                    p id="sub" { (user.sub) }
                    form method="post" action="/auth/logout" { button { "Sign out" } }
                } @else {
                    h1 { "Who are you?" }
                    @if denied { p role="alert" { "You were not signed in." } }
                    @else if failed { p role="alert" { "That did not work. Try again." } }
                    @if without_cookies { p id="cookies" { (command_line::COOKIES_NOT_KEPT) } }
                    @for (name, shown) in &*service.providers {
                        p { a href={ "/auth/login/" (name) "?return_to=/%3F" (SIGNED_IN) } { "Sign in with " (shown) } }
                    }
                }
            }
        }
    };
    let mut response = Response::new(markup.into_string());
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
