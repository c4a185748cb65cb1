//! A protected server on Rocket: `cargo run -p own-adapter [PORT]`, then paste a `curl` line that it prints.

use jwt_core::guard::Policy;
use jwt_core::{Algorithm, Authenticator, KeySet, Scopes, SigningKey};
use own_adapter::{Claims, protect, require};
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

#[rocket::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
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
    let port = std::env::args().nth(1).map_or(Ok(3000), |port| port.parse::<u16>())?;
    println!("    curl -i -H 'Authorization: Bearer {token}' http://127.0.0.1:{port}/me\n");
    println!("and without a token, which is a 401:\n\n    curl -i http://127.0.0.1:{port}/me\n");
    let routes = protect(auth, require(Policy::scope("read:me"), routes![me]));
    rocket::custom(rocket::Config::figment().merge(("port", port))).attach(routes).launch().await?;
    Ok(())
}
