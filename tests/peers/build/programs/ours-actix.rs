use actix_web::{App, HttpServer, web};
use jwt_actix::{Authenticator, Claims, JwtAuth, KeySet};

#[derive(serde::Deserialize)]
struct User {
    sub: String,
    name: String,
}

async fn hello(Claims(user): Claims<User>) -> String {
    format!("Hello, {} ({})!", user.name, user.sub)
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let keys = KeySet::hs256("a secret of at least thirty-two bytes")?;
    let auth = Authenticator::<User>::builder().keys(keys).issuer("https://issuer.example.com").audience("api").build()?;
    let server = HttpServer::new(move || App::new().wrap(JwtAuth::new(auth.clone())).route("/", web::get().to(hello)));
    Ok(server.bind("127.0.0.1:0")?.run().await?)
}
