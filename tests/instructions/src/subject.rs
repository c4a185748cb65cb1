//! What is counted: requests with a good token, through the whole middleware of a framework to a handler that takes the claims.

use std::convert::Infallible;
use std::hint::black_box;

use actix_web::dev::Service as _;
use actix_web::test::init_service;
use actix_web::{App, web};
use jwt_core::{Algorithm, Authenticator, KeySet, SigningKey, TokenCache, VerifyingKey};
use serde::Deserialize;
use serde_json::json;
use tower::{Layer, Service, service_fn};

const ISSUER: &str = "https://issuer.example.com";
const AUDIENCE: &str = "https://api.example.com";
const SECRET: &str = "for counting only: forty-eight bytes of a secret";

#[derive(Debug, Clone, Deserialize)]
#[expect(dead_code, reason = "read, so that it costs what an application pays")]
struct User {
    sub: String,
    name: String,
    admin: bool,
    scope: String,
}

/// A framework, and whether the token is in the cache.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Path {
    name: &'static str,
    framework: Framework,
    cached: bool,
}

#[derive(Debug, Clone, Copy)]
enum Framework {
    Core,
    Tower,
    Actix,
}

impl Path {
    pub(crate) const ALL: [Self; 6] = [
        Self { name: "core-cold", framework: Framework::Core, cached: false },
        Self { name: "core-cached", framework: Framework::Core, cached: true },
        Self { name: "tower-cold", framework: Framework::Tower, cached: false },
        Self { name: "tower-cached", framework: Framework::Tower, cached: true },
        Self { name: "actix-cold", framework: Framework::Actix, cached: false },
        Self { name: "actix-cached", framework: Framework::Actix, cached: true },
    ];

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|path| path.name == name)
    }

    pub(crate) fn name(self) -> &'static str {
        self.name
    }
}

/// Serves that many requests.
pub(crate) fn serve(path: Path, requests: u64) {
    let key = SigningKey::secret(Algorithm::HS256, SECRET).expect("the secret is long enough").with_kid("one");
    let claims = json!({
        "iss": ISSUER, "sub": "auth0|5f7c8ec7c33c", "aud": AUDIENCE, "exp": 4_000_000_000_u64, "iat": 1_700_000_000,
        "name": "Ada Lovelace", "admin": true, "scope": "read:reports",
    });
    let token = format!("Bearer {}", key.sign(&claims).expect("claims are an object"));
    let verifying = VerifyingKey::secret(Algorithm::HS256, SECRET).expect("the secret is long enough").with_kid("one");
    let builder = Authenticator::<User>::builder().keys(KeySet::new([verifying]).expect("one key"));
    let builder = builder.issuer(ISSUER).audience(AUDIENCE);
    let builder = if path.cached { builder.cache(TokenCache::new()) } else { builder };
    let auth = builder.build().expect("an authenticator");
    match path.framework {
        Framework::Core => core(&auth, &token, requests),
        Framework::Tower => tower(auth, &token, requests),
        Framework::Actix => actix(auth, &token, requests),
    }
}

fn core(auth: &Authenticator<User>, token: &str, requests: u64) {
    let token = token.strip_prefix("Bearer ").expect("it begins so");
    for _ in 0..requests {
        black_box(auth.verifier().verify(black_box(token)).expect("the token is good"));
    }
}

fn tower(auth: Authenticator<User>, token: &str, requests: u64) {
    let mut service = jwt_tower::JwtAuth::new(auth).layer(service_fn(async |request: http::Request<()>| {
        black_box(jwt_tower::claims::<User>(request.extensions()).expect("the layer is in front"));
        Ok::<_, Infallible>(http::Response::new(String::new()))
    }));
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    for _ in 0..requests {
        let request = http::Request::get("/").header("authorization", token).body(()).expect("it is well-formed");
        let response = runtime.block_on(service.call(request)).expect("it cannot fail");
        assert_eq!(response.status(), 200);
    }
}

fn actix(auth: Authenticator<User>, token: &str, requests: u64) {
    async fn hello(jwt_actix::Claims(user): jwt_actix::Claims<User>) -> &'static str {
        black_box(user);
        ""
    }
    let system = actix_web::rt::System::new();
    let app = App::new().wrap(jwt_actix::JwtAuth::new(auth)).route("/", web::get().to(hello));
    let service = system.block_on(init_service(app));
    for _ in 0..requests {
        let request = actix_web::test::TestRequest::get().insert_header(("authorization", token)).to_request();
        let response = system.block_on(service.call(request)).expect("it is served");
        assert_eq!(response.status(), 200);
    }
}
