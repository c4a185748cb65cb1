//! A protected server on Rocket: `cargo run -p own-adapter [PORT]`, then paste a `curl` line that it prints.

use jwt_core::guard::Policy;
use jwt_core::{Algorithm, Authenticator, KeySet, Scopes, SigningKey};
use own_adapter::{Claims, protect, require};
use rocket::error::ErrorKind;
use rocket::fairing::AdHoc;
use rocket::{get, routes};

#[derive(serde::Deserialize)]
struct User {
    name: String,
    scope: Scopes,
}

#[get("/me")]
#[expect(clippy::needless_pass_by_value, reason = "Rocket passes values")]
fn me(user: Claims<User>) -> String {
    format!("Hello, {}!\n", user.0.name)
}

const USAGE: &str = "\
A protected server on Rocket, by an adapter that is an example itself.

usage: cargo run -p own-adapter [PORT]

  PORT   where to listen on 127.0.0.1: 3000 unless told otherwise, 0 for any free port
";

#[rocket::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = command_line::port(USAGE, 3000);
    tracing_subscriber::fmt().init();
    // A secret for this run. A real service reads it from its configuration.
    let mut secret = [0; 32];
    getrandom::fill(&mut secret)?;
    let keys = KeySet::hs256(secret)?;
    let auth =
        Authenticator::<User>::builder().keys(keys).audience("own-adapter").scopes(|user| &user.scope).build()?;

    let exp = std::time::UNIX_EPOCH.elapsed()?.as_secs() + 3600;
    let claims = serde_json::json!({"name": "Alice", "scope": "read:me", "aud": "own-adapter", "exp": exp});
    let token = SigningKey::secret(Algorithm::HS256, secret)?.sign(&claims)?;
    let routes = protect(auth, require(Policy::scope("read:me"), routes![me]));
    // Rocket knows its port once it listens.
    let usage = AdHoc::on_liftoff("usage", |rocket| {
        let port = rocket.config().port;
        Box::pin(async move { print_usage(&token, port) })
    });
    let rocket = rocket::custom(rocket::Config::figment().merge(("port", port))).attach(routes).attach(usage);
    if let Err(error) = rocket.launch().await {
        match error.kind() {
            ErrorKind::Bind(error) => command_line::cannot_listen(port, error.kind(), &error.to_string()),
            _ => return Err(error.into()),
        }
    }
    Ok(())
}

fn print_usage(token: &str, port: u16) {
    println!("    curl -i -H 'Authorization: Bearer {token}' http://127.0.0.1:{port}/me\n");
    println!("and without a token, which is a 401:\n\n    curl -i http://127.0.0.1:{port}/me\n");
}
