//! One application for browsers and for API clients, on actix-web: a browser without a good token is sent to the login
//! page, an API client gets a 401, and who may not see something gets a 403 in either form.
//!
//! `cargo run -p browser-actix [PORT]`, then open the address that it prints, or paste the `curl` lines.

use std::error::Error;
use std::time::{Duration, SystemTime};

use actix_web::http::header::LOCATION;
use actix_web::http::{Method, StatusCode};
use actix_web::web::{self, Html, Redirect, ServiceConfig};
use actix_web::{App, HttpRequest, HttpResponse, HttpResponseBuilder, HttpServer, Responder};
use jwt_actix::{
    Algorithm, AuthError, Authenticator, Claims, JwtAuth, KeySet, Require, Scopes, SigningKey, TokenSource,
};

#[derive(serde::Deserialize)]
struct User {
    name: String,
    scope: Scopes,
}

fn authenticator(secret: &[u8]) -> Result<Authenticator<User>, Box<dyn Error>> {
    Ok(Authenticator::builder()
        .keys(KeySet::hs256(secret)?)
        .audience("browser")
        .source(TokenSource::bearer())
        .source(TokenSource::cookie("access_token"))
        .scopes(|user: &User| &user.scope)
        .build()?)
}

fn routes(config: &mut ServiceConfig, auth: Authenticator<User>, secret: Vec<u8>) {
    let login = web::resource("/login")
        .app_data(web::Data::new(secret))
        .route(web::get().to(login_page))
        .route(web::post().to(login));
    let protected = web::scope("")
        .wrap(JwtAuth::new(auth).on_rejection(answer))
        .route("/", web::get().to(home))
        .service(web::resource("/reports").wrap(Require::scope("read:reports")).to(reports));
    config.service(login).service(protected);
}

/// Where the login leads.
const SIGNED_IN: &str = "/?signed-in";

/// One hook for whatever the middleware, the guards and the extractors refuse. Status and challenge are set in `head`.
fn answer(error: &AuthError, request: &HttpRequest, mut head: HttpResponseBuilder) -> HttpResponse {
    match error {
        AuthError::MissingToken if request.query_string() == "signed-in" => head.body(command_line::COOKIES_NOT_KEPT),
        // Never to an address out of the request: that would make this an open redirect. The head keeps its
        // `Cache-Control: no-store`, or the browser might remember the detour.
        AuthError::MissingToken | AuthError::InvalidToken(_) if is_navigation(request) => {
            head.status(StatusCode::SEE_OTHER).insert_header((LOCATION, "/login")).finish()
        }
        _ if is_navigation(request) => head.body("You may not see this page."),
        AuthError::MissingToken | AuthError::InvalidToken(_) => head.json(serde_json::json!({"error": "sign in"})),
        _ => head.json(serde_json::json!({"error": "not allowed"})),
    }
}

/// Whether a browser asks for a page to show: not a script, not an image, not a form that is sent.
fn is_navigation(request: &HttpRequest) -> bool {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    request.method() == Method::GET
        && match header("sec-fetch-mode") {
            Some(mode) => mode == "navigate",
            // A browser from before 2023.
            None => header("accept").is_some_and(|accept| accept.contains("text/html")),
        }
}

async fn home(Claims(user): Claims<User>) -> Html {
    Html::new(format!("<h1>Hello, {}!</h1><p><a href=\"/reports\">Reports</a></p>\n", user.name))
}

async fn reports() -> &'static str {
    "42 things were sold.\n"
}

async fn login_page() -> Html {
    Html::new("<form method=\"post\"><button>Sign in as Alice</button></form>\n")
}

/// A real login asks for a password first.
async fn login(secret: web::Data<Vec<u8>>) -> Result<impl Responder, Box<dyn Error>> {
    let token = token(&secret)?;
    // With HTTPS, name it `__Host-access_token` and add `Secure`.
    let cookie = format!("access_token={token}; Path=/; HttpOnly; SameSite=Lax; Max-Age=3600");
    Ok(Redirect::to(SIGNED_IN).see_other().customize().insert_header(("set-cookie", cookie)))
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
An application for browsers and for API clients, on actix-web.

usage: cargo run -p browser-actix [PORT]

  PORT   where to listen on 127.0.0.1: 3000 unless told otherwise, 0 for any free port
";

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().init();
    // A secret for this run. A real service reads it from its configuration.
    let mut secret = [0; 32];
    getrandom::fill(&mut secret)?;
    let auth = authenticator(&secret)?;
    let listener = command_line::listen(command_line::port(USAGE, 3000));
    let app = move || App::new().configure(|config| routes(config, auth.clone(), secret.to_vec()));
    let server = HttpServer::new(app).listen(listener)?;
    let address = format!("http://{}", server.addrs()[0]);
    println!("Open {address}/ in a browser, or see what it would see:\n");
    println!("    curl -i -H 'Accept: text/html' {address}/\n");
    println!("and what an API client sees:\n");
    println!("    curl -i {address}/\n");
    println!("    curl -i -H 'Authorization: Bearer {}' {address}/reports\n", token(&secret)?);
    server.run().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use actix_web::body::BoxBody;
    use actix_web::dev::ServiceResponse;
    use actix_web::test::{TestRequest, call_service, init_service};

    use super::*;

    const SECRET: [u8; 32] = [7; 32];

    async fn send(mut request: TestRequest, fields: &[(&str, &str)]) -> ServiceResponse<BoxBody> {
        for (name, value) in fields {
            request = request.insert_header((*name, *value));
        }
        let auth = authenticator(&SECRET).unwrap();
        let app = init_service(App::new().configure(|config| routes(config, auth, SECRET.to_vec()))).await;
        call_service(&app, request.to_request()).await.map_into_boxed_body()
    }

    async fn get(path: &str, fields: &[(&str, &str)]) -> ServiceResponse<BoxBody> {
        send(TestRequest::get().uri(path), fields).await
    }

    fn header<'r>(response: &'r ServiceResponse<BoxBody>, name: &str) -> Option<&'r str> {
        response.headers().get(name)?.to_str().ok()
    }

    #[actix_web::test]
    async fn a_browser_is_sent_to_the_login_and_comes_back_with_a_cookie() {
        for fields in [&[("sec-fetch-mode", "navigate")][..], &[("accept", "text/html,*/*;q=0.8")]] {
            let response = get("/reports", fields).await;
            assert_eq!((response.status().as_u16(), header(&response, "location")), (303, Some("/login")));
            assert_eq!(header(&response, "cache-control"), Some("no-store"));
        }
        let response = send(TestRequest::post().uri("/login"), &[]).await;
        assert_eq!(header(&response, "location"), Some(SIGNED_IN));
        let cookie = header(&response, "set-cookie").unwrap().split(';').next().unwrap();
        assert_eq!(get("/reports", &[("cookie", cookie)]).await.status(), 200);
        assert_eq!(get("/login", &[]).await.status(), 200);
    }

    #[actix_web::test]
    async fn a_browser_that_has_not_kept_the_cookie_is_told_so_and_not_sent_round_in_a_circle() {
        let response = get(SIGNED_IN, &[("sec-fetch-mode", "navigate")]).await;
        assert_eq!(response.status(), 401);
        let body = actix_web::body::to_bytes(response.into_body()).await.unwrap();
        assert_eq!(body, command_line::COOKIES_NOT_KEPT);
    }

    #[actix_web::test]
    async fn an_api_client_gets_a_401_with_a_challenge() {
        for fields in [&[][..], &[("sec-fetch-mode", "cors"), ("accept", "text/html")], &[("accept", "*/*")]] {
            let response = get("/", fields).await;
            let challenge = header(&response, "www-authenticate");
            assert_eq!((response.status().as_u16(), challenge), (401, Some("Bearer")), "{fields:?}");
            assert_eq!(header(&response, "content-type"), Some("application/json"));
        }
    }

    #[actix_web::test]
    async fn who_may_not_see_a_page_is_not_sent_to_sign_in_again() {
        let claims = serde_json::json!({"name": "Bob", "scope": "", "aud": "browser", "exp": 4_000_000_000_u64});
        let token = SigningKey::secret(Algorithm::HS256, SECRET).unwrap().sign(&claims).unwrap();
        let cookie = format!("access_token={token}");
        assert_eq!(get("/reports", &[("cookie", &cookie), ("sec-fetch-mode", "navigate")]).await.status(), 403);
    }
}
