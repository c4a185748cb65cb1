//! The smallest protected server on actix-web.
//!
//! `cargo run -p quickstart-actix [PORT]`, then paste the `curl` line that it prints.

use std::error::Error;
use std::time::{Duration, SystemTime};

use actix_web::{App, HttpServer, web};
use jwt_actix::{Algorithm, Authenticator, Claims, JwtAuth, KeySet, SigningKey, TokenSource};

#[derive(serde::Deserialize)]
struct User {
    name: String,
}

async fn me(Claims(user): Claims<User>) -> String {
    format!("Hello, {}!\n", user.name)
}

const USAGE: &str = "\
The smallest protected server on actix-web.

usage: cargo run -p quickstart-actix [PORT]

  PORT   where to listen on 127.0.0.1: 3000 unless told otherwise, 0 for any free port
";

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // The reason of every rejection is in the log.
    tracing_subscriber::fmt().init();

    // A secret for this run. A real service reads it from its configuration.
    let mut secret = [0; 32];
    getrandom::fill(&mut secret)?;

    let auth = Authenticator::<User>::builder()
        .keys(KeySet::hs256(secret)?)
        .audience("quickstart")
        .source(TokenSource::bearer())
        .source(TokenSource::cookie("access_token"))
        .build()?;

    let listener = command_line::listen(command_line::port(USAGE, 3000));
    let server = HttpServer::new(move || App::new().route("/me", web::get().to(me)).wrap(JwtAuth::new(auth.clone())))
        .listen(listener)?;
    print_usage(&token(&secret)?, server.addrs()[0].port());
    server.run().await?;
    Ok(())
}

/// A token for Alice that is good for an hour: what a login would hand out.
fn token(secret: &[u8]) -> Result<String, Box<dyn Error>> {
    let in_an_hour = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)? + Duration::from_secs(3600);
    let claims = serde_json::json!({"name": "Alice", "aud": "quickstart", "exp": in_an_hour.as_secs()});
    Ok(SigningKey::secret(Algorithm::HS256, secret)?.sign(&claims)?)
}

fn print_usage(token: &str, port: u16) {
    println!("With the token in the Authorization header:\n");
    println!("    curl -i -H 'Authorization: Bearer {token}' http://127.0.0.1:{port}/me\n");
    println!("with the token in a cookie:\n");
    println!("    curl -i -b 'access_token={token}' http://127.0.0.1:{port}/me\n");
    println!("and without one, which is a 401:\n");
    println!("    curl -i http://127.0.0.1:{port}/me\n");
}

#[cfg(test)]
mod tests {
    use actix_web::http::StatusCode;
    use actix_web::test::{TestRequest, call_service, init_service};
    use jwt_actix::VerifiedToken;
    use jwt_actix::testing::{TestIssuer, TestToken};

    use super::*;

    async fn status(issuer: &TestIssuer, token: TestToken) -> StatusCode {
        let auth = issuer.builder::<User>().build().unwrap();
        let app = init_service(App::new().route("/me", web::get().to(me)).wrap(JwtAuth::new(auth))).await;
        let request = TestRequest::get().uri("/me").insert_header(("authorization", token.bearer()));
        call_service(&app, request.to_request()).await.status()
    }

    #[actix_web::test]
    async fn alice_is_let_in_and_not_for_longer_than_she_may() {
        let issuer = TestIssuer::new();
        let alice = || issuer.token("alice").claim("name", "Alice");
        assert_eq!(status(&issuer, alice()).await, StatusCode::OK);
        assert_eq!(status(&issuer, alice().expired()).await, StatusCode::UNAUTHORIZED);
        assert_eq!(status(&issuer, alice().signed_by_a_stranger()).await, StatusCode::UNAUTHORIZED);
    }

    #[actix_web::test]
    async fn she_is_greeted_by_her_name() {
        let user = VerifiedToken::for_test(User { name: "Alice".into() });
        assert_eq!(me(Claims(user)).await, "Hello, Alice!\n");
    }
}
