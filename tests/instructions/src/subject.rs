//! What is counted: requests with a good token, through the whole middleware of a framework to a handler that takes the claims.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::hint::black_box;

use actix_web::dev::ServiceResponse;
use actix_web::rt::SystemRunner;
use actix_web::test::init_service;
use actix_web::{App, web};
use aws_lc_rs::hmac;
use base64_simd::URL_SAFE_NO_PAD;
use jwt_core::{Algorithm, Authenticator, KeySet, SigningKey, TokenCache, VerifyingKey};
use serde::Deserialize;
use serde_json::json;
use tower::util::ServiceFn;
use tower::{Layer, Service, service_fn};

const ISSUER: &str = "https://issuer.example.com";
const AUDIENCE: &str = "https://api.example.com";
const SCOPE: &str = "read:reports";
const SECRET: &str = "for counting only: forty-eight bytes of a secret";

#[derive(Debug, Clone, Deserialize)]
#[expect(dead_code, reason = "read, so that it costs what an application pays")]
struct User {
    sub: String,
    name: String,
    admin: bool,
    scope: String,
}

/// A framework, whether the token is in the cache, and whether there is a guard.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Path {
    name: &'static str,
    framework: Framework,
    cached: bool,
    /// Behind a guard as well, which asks for a scope.
    guarded: bool,
}

#[derive(Debug, Clone, Copy)]
enum Framework {
    /// None, and nothing that is ours either: the signature, base64, and serde_json into the same type, with nothing checked.
    Floor,
    Core,
    Tower,
    Actix,
}

impl Path {
    pub(crate) const ALL: [Self; 9] = [
        Self::cold("floor", Framework::Floor),
        Self::cold("core-cold", Framework::Core),
        Self::cold("core-cached", Framework::Core).cached(),
        Self::cold("tower-cold", Framework::Tower),
        Self::cold("tower-cached", Framework::Tower).cached(),
        Self::cold("tower-guarded", Framework::Tower).cached().guarded(),
        Self::cold("actix-cold", Framework::Actix),
        Self::cold("actix-cached", Framework::Actix).cached(),
        Self::cold("actix-guarded", Framework::Actix).cached().guarded(),
    ];

    const fn cold(name: &'static str, framework: Framework) -> Self {
        Self { name, framework, cached: false, guarded: false }
    }

    const fn cached(self) -> Self {
        Self { cached: true, ..self }
    }

    const fn guarded(self) -> Self {
        Self { guarded: true, ..self }
    }

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
        "name": "Ada Lovelace", "admin": true, "scope": SCOPE,
    });
    let token = format!("Bearer {}", key.sign(&claims).expect("claims are an object"));
    let verifying = VerifyingKey::secret(Algorithm::HS256, SECRET).expect("the secret is long enough").with_kid("one");
    let builder = Authenticator::<User>::builder().keys(KeySet::new([verifying]).expect("one key"));
    let builder = builder.issuer(ISSUER).audience(AUDIENCE).scopes(|user: &User| &user.scope);
    let builder = if path.cached { builder.cache(TokenCache::new()) } else { builder };
    let auth = builder.build().expect("an authenticator");
    let bare = token.strip_prefix("Bearer ").expect("it begins so");
    match path.framework {
        Framework::Floor => floor(bare, requests),
        Framework::Core => core(&auth, bare, requests),
        Framework::Tower if path.guarded => {
            tower(&jwt_tower::JwtAuth::new(auth).require(jwt_tower::Require::scope(SCOPE)), &token, requests);
        }
        Framework::Tower => tower(&jwt_tower::JwtAuth::new(auth), &token, requests),
        Framework::Actix => {
            let system = actix_web::rt::System::new();
            let layer = jwt_actix::JwtAuth::new(auth);
            let request =
                || actix_web::test::TestRequest::get().insert_header(("authorization", token.as_str())).to_request();
            if path.guarded {
                let layer = layer.require(jwt_actix::Require::scope(SCOPE));
                let app = App::new().wrap(layer).route("/", web::get().to(hello));
                actix(&system, &system.block_on(init_service(app)), request, requests);
            } else {
                let app = App::new().wrap(layer).route("/", web::get().to(hello));
                actix(&system, &system.block_on(init_service(app)), request, requests);
            }
        }
    }
}

fn floor(token: &str, requests: u64) {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let (message, signature) = token.rsplit_once('.').expect("it has three parts");
    let (_, payload) = message.split_once('.').expect("it has three parts");
    let signature = URL_SAFE_NO_PAD.decode_to_vec(signature).expect("it is base64url");
    for _ in 0..requests {
        let (message, payload) = black_box((message, payload));
        hmac::verify(&key, message.as_bytes(), &signature).expect("the token is good");
        let claims = URL_SAFE_NO_PAD.decode_to_vec(payload).expect("it is base64url");
        black_box(serde_json::from_slice::<User>(&claims).expect("the claims fit"));
    }
}

fn core(auth: &Authenticator<User>, token: &str, requests: u64) {
    let verifier = auth.verifier();
    for _ in 0..requests {
        black_box(verifier.verify(black_box(token)).expect("the token is good"));
    }
}

type Answer = Result<http::Response<String>, Infallible>;
type Handler = ServiceFn<fn(http::Request<()>) -> Ready<Answer>>;

fn tower<L>(layer: &L, token: &str, requests: u64)
where
    L: Layer<Handler, Service: Service<http::Request<()>, Response = http::Response<String>, Error = Infallible>>,
{
    #[expect(clippy::needless_pass_by_value, reason = "as services take it")]
    fn hello(request: http::Request<()>) -> Ready<Answer> {
        black_box(jwt_tower::claims::<User>(request.extensions()).expect("the layer is in front"));
        ready(Ok(http::Response::new(String::new())))
    }
    let mut service = layer.layer(service_fn(hello));
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    for _ in 0..requests {
        let request = http::Request::get("/").header("authorization", token).body(()).expect("it is well-formed");
        let response = runtime.block_on(service.call(request)).expect("it cannot fail");
        assert_eq!(response.status(), 200);
    }
}

async fn hello(jwt_actix::Claims(user): jwt_actix::Claims<User>) -> &'static str {
    black_box(user);
    ""
}

/// `R` is a request of actix-http, which has no name here.
fn actix<R, B>(
    system: &SystemRunner,
    service: &impl actix_web::dev::Service<R, Response = ServiceResponse<B>, Error = actix_web::Error>,
    request: impl Fn() -> R,
    requests: u64,
) {
    for _ in 0..requests {
        let response = system.block_on(service.call(request())).expect("it is served");
        assert_eq!(response.status(), 200);
    }
}
