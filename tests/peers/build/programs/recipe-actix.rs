use actix_web::dev::ServiceRequest;
use actix_web::web::{self, Data, ReqData};
use actix_web::{App, Error, HttpMessage, HttpServer, error};
use actix_web_httpauth::extractors::bearer::BearerAuth;
use actix_web_httpauth::middleware::HttpAuthentication;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};

#[derive(Clone, serde::Deserialize)]
struct User {
    sub: String,
    name: String,
}

struct Recipe {
    key: DecodingKey,
    validation: Validation,
}

async fn check(request: ServiceRequest, bearer: BearerAuth) -> Result<ServiceRequest, (Error, ServiceRequest)> {
    let recipe = request.app_data::<Data<Recipe>>();
    let user = recipe.and_then(|recipe| decode::<User>(bearer.token(), &recipe.key, &recipe.validation).ok());
    match user {
        Some(user) => {
            request.extensions_mut().insert(user.claims);
            Ok(request)
        }
        None => Err((error::ErrorUnauthorized("not a good token"), request)),
    }
}

async fn hello(user: ReqData<User>) -> String {
    format!("Hello, {} ({})!", user.name, user.sub)
}

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let key = DecodingKey::from_secret(b"a secret of at least thirty-two bytes");
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_issuer(&["https://issuer.example.com"]);
    validation.set_audience(&["api"]);
    let recipe = Data::new(Recipe { key, validation });
    let server = HttpServer::new(move || {
        App::new().wrap(HttpAuthentication::bearer(check)).app_data(recipe.clone()).route("/", web::get().to(hello))
    });
    server.bind("127.0.0.1:0")?.run().await
}
