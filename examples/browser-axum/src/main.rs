//! One application for browsers and for API clients, on axum: a browser without a good token is sent to the login page,
//! an API client gets a 401, and who may not see something gets a 403 in either form.
//!
//! `cargo run -p browser-axum [PORT]`, then open the address that it prints, or paste the `curl` lines.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use jwt_tower::{
    Algorithm, AuthError, Authenticator, Claims, JwtAuth, KeySet, Require, Scopes, SigningKey, TokenSource,
};

#[derive(serde::Deserialize)]
struct User {
    name: String,
    scope: Scopes,
}

fn app(secret: &[u8]) -> Result<Router, Box<dyn Error>> {
    let auth = Authenticator::<User>::builder()
        .keys(KeySet::hs256(secret)?)
        .audience("browser")
        .source(TokenSource::bearer())
        .source(TokenSource::cookie("access_token"))
        .scopes(|user| &user.scope)
        .build()?;
    let secret: Arc<[u8]> = secret.into();
    Ok(Router::new()
        .route("/", get(home))
        .route("/reports", get(reports).route_layer(Require::scope("read:reports")))
        .route_layer(JwtAuth::new(auth).on_rejection(answer))
        .route("/login", get(login_page))
        .route("/login", post(login).with_state(secret)))
}

/// Where the login leads.
const SIGNED_IN: &str = "/?signed-in";

/// One hook for whatever the layer, the guards and the extractors refuse. Status and challenge are set in `head`.
fn answer(error: &AuthError, request: &Parts, head: Response<()>) -> Response {
    match error {
        AuthError::MissingToken if request.uri.query() == Some("signed-in") => {
            head.map(|()| Body::from(command_line::COOKIES_NOT_KEPT))
        }
        // Never to an address out of the request: that would make this an open redirect. The head keeps its
        // `Cache-Control: no-store`, or the browser might remember the detour.
        AuthError::MissingToken | AuthError::InvalidToken(_) if is_navigation(request) => {
            let mut response = head.map(|()| Body::empty());
            *response.status_mut() = StatusCode::SEE_OTHER;
            response.headers_mut().insert(LOCATION, HeaderValue::from_static("/login"));
            response
        }
        _ if is_navigation(request) => head.map(|()| Body::from("You may not see this page.")),
        AuthError::MissingToken | AuthError::InvalidToken(_) => json(head, r#"{"error":"sign in"}"#),
        _ => json(head, r#"{"error":"not allowed"}"#),
    }
}

fn json(head: Response<()>, text: &'static str) -> Response {
    let mut response = head.map(|()| Body::from(text));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Whether a browser asks for a page to show: not a script, not an image, not a form that is sent.
fn is_navigation(request: &Parts) -> bool {
    let header = |name| request.headers.get(name).and_then(|value| value.to_str().ok());
    request.method == "GET"
        && match header("sec-fetch-mode") {
            Some(mode) => mode == "navigate",
            // A browser from before 2023.
            None => header("accept").is_some_and(|accept| accept.contains("text/html")),
        }
}

async fn home(Claims(user): Claims<User>) -> Html<String> {
    Html(format!("<h1>Hello, {}!</h1><p><a href=\"/reports\">Reports</a></p>\n", user.name))
}

async fn reports() -> &'static str {
    "42 things were sold.\n"
}

async fn login_page() -> Html<&'static str> {
    Html("<form method=\"post\"><button>Sign in as Alice</button></form>\n")
}

/// A real login asks for a password first.
async fn login(State(secret): State<Arc<[u8]>>) -> Result<Response, String> {
    let token = token(&secret).map_err(|error| error.to_string())?;
    // With HTTPS, name it `__Host-access_token` and add `Secure`.
    let cookie = format!("access_token={token}; Path=/; HttpOnly; SameSite=Lax; Max-Age=3600");
    Ok(([("set-cookie", cookie)], Redirect::to(SIGNED_IN)).into_response())
}

/// A token for Alice that is good for an hour.
fn token(secret: &[u8]) -> Result<String, Box<dyn Error>> {
    let in_an_hour = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)? + Duration::from_secs(3600);
    let claims = serde_json::json!({
        "name": "Alice", "scope": "read:reports", "aud": "browser", "exp": in_an_hour.as_secs(),
    });
    Ok(SigningKey::secret(Algorithm::HS256, secret)?.sign(&claims)?)
}

const USAGE: &str = "\
An application for browsers and for API clients, on axum.

usage: cargo run -p browser-axum [PORT]

  PORT   where to listen on 127.0.0.1: 3000 unless told otherwise, 0 for any free port
";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().init();
    // A secret for this run. A real service reads it from its configuration.
    let mut secret = [0; 32];
    getrandom::fill(&mut secret)?;
    let port = command_line::port(USAGE, 3000);
    let listener = tokio::net::TcpListener::from_std(command_line::listen(port))?;
    let address = format!("http://{}", listener.local_addr()?);
    println!("Open {address}/ in a browser, or see what it would see:\n");
    println!("    curl -i -H 'Accept: text/html' {address}/\n");
    println!("and what an API client sees:\n");
    println!("    curl -i {address}/\n");
    println!("    curl -i -H 'Authorization: Bearer {}' {address}/reports\n", token(&secret)?);
    axum::serve(listener, app(&secret)?).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use tower::ServiceExt;

    use super::*;

    const SECRET: [u8; 32] = [7; 32];

    async fn get(path: &str, fields: &[(&str, &str)]) -> Response {
        let mut request = Request::get(path);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        app(&SECRET).unwrap().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn a_browser_is_sent_to_the_login_and_comes_back_with_a_cookie() {
        for fields in [&[("sec-fetch-mode", "navigate")][..], &[("accept", "text/html,*/*;q=0.8")]] {
            let response = get("/reports", fields).await;
            assert_eq!(
                (response.status().as_u16(), &response.headers()["location"]),
                (303, &"/login".parse().unwrap())
            );
            assert_eq!(response.headers()["cache-control"], "no-store");
        }
        let response =
            app(&SECRET).unwrap().oneshot(Request::post("/login").body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.headers()["location"], SIGNED_IN);
        let cookie = response.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        assert_eq!(get("/reports", &[("cookie", &cookie)]).await.status(), 200);
        assert_eq!(get("/login", &[]).await.status(), 200);
    }

    #[tokio::test]
    async fn a_browser_that_has_not_kept_the_cookie_is_told_so_and_not_sent_round_in_a_circle() {
        let response = get(SIGNED_IN, &[("sec-fetch-mode", "navigate")]).await;
        assert_eq!(response.status(), 401);
        let body = axum::body::to_bytes(response.into_body(), 4096).await.unwrap();
        assert_eq!(body, command_line::COOKIES_NOT_KEPT);
    }

    #[tokio::test]
    async fn an_api_client_gets_a_401_with_a_challenge() {
        for fields in [&[][..], &[("sec-fetch-mode", "cors"), ("accept", "text/html")], &[("accept", "*/*")]] {
            let response = get("/", fields).await;
            let challenge = &response.headers()["www-authenticate"];
            assert_eq!((response.status().as_u16(), challenge), (401, &"Bearer".parse().unwrap()), "{fields:?}");
            assert_eq!(response.headers()["content-type"], "application/json");
        }
    }

    #[tokio::test]
    async fn who_may_not_see_a_page_is_not_sent_to_sign_in_again() {
        let claims = serde_json::json!({"name": "Bob", "scope": "", "aud": "browser", "exp": 4_000_000_000_u64});
        let token = SigningKey::secret(Algorithm::HS256, SECRET).unwrap().sign(&claims).unwrap();
        let cookie = format!("access_token={token}");
        assert_eq!(get("/reports", &[("cookie", &cookie), ("sec-fetch-mode", "navigate")]).await.status(), 403);
    }
}
