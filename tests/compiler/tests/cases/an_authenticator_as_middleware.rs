use actix_web::{App, web};
use jwt_actix::{Authenticator, KeySet};

#[derive(serde::Deserialize)]
struct User {}

fn main() {
    let keys = KeySet::hs256("a secret of at least thirty-two bytes").unwrap();
    let auth = Authenticator::<User>::builder().keys(keys).audience("api").build().unwrap();
    let _ = App::new().route("/", web::get().to(async || "hello")).wrap(auth);
}
