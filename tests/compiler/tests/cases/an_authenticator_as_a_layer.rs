use axum::{Router, routing::get};
use jwt_tower::{Authenticator, KeySet};

#[derive(serde::Deserialize)]
struct User {}

fn main() {
    let keys = KeySet::hs256("a secret of at least thirty-two bytes").unwrap();
    let auth = Authenticator::<User>::builder().keys(keys).audience("api").build().unwrap();
    let _: Router = Router::new().route("/", get(async || "hello")).layer(auth);
}
