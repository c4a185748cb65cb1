//! A route of actix-web that answers a constant, behind each of the crates, called without a network.

use std::hint::black_box;
use std::rc::Rc;

use actix_http::Request;
use actix_jwt_auth_middleware::{AuthenticationService, Authority, FromRequest};
use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse};
use actix_web::http::header::{AUTHORIZATION, COOKIE, HeaderName, HeaderValue};
use actix_web::http::{StatusCode, Uri};
use actix_web::rt::{System, SystemRunner};
use actix_web::test::init_service;
use actix_web::web::{self, Data, ReqData};
use actix_web::{App, Error, HttpMessage, HttpRequest, Route, error};
use actix_web_httpauth::extractors::bearer::BearerAuth;
use actix_web_httpauth::middleware::HttpAuthentication;
use jwt_actix::{Claims, JwtAuth, Require};
use jwt_compact::TimeOptions;
use jwt_compact::alg::{Hs256, Hs256Key, Rsa, RsaPublicKey};
use jwt_compact::jwk::JsonWebKey;
use jwt_core::Algorithm;
use serde::{Deserialize, Serialize};

use crate::core::RawKey;
use crate::measure::{Case, Id};
use crate::ours::{self, Mode};
use crate::recipe::Recipe;
use crate::tokens::{AUDIENCE, ISSUER, Key, User};

pub(crate) const LAYER: &str = "actix";

const ANSWER: &str = "Hello!";

pub(crate) fn cases() -> Vec<Case> {
    let system = Rc::new(System::new());
    let mut cases = Vec::new();
    for algorithm in [Algorithm::HS256, Algorithm::RS256] {
        let keys = [Key::generate(algorithm)];
        let key = &keys[0];
        let bench = Bench { system: system.clone(), key };
        let app = App::new().route("/", bare());
        cases.push(bench.case("bare", "cold", Place::Bearer, system.block_on(init_service(app))));
        let app = App::new().wrap_fn(|request, inner| inner.call(request)).route("/", bare());
        cases.push(bench.case("empty middleware", "cold", Place::Bearer, system.block_on(init_service(app))));
        for mode in Mode::BOTH {
            let auth = JwtAuth::new(ours::authenticator(algorithm, &keys, mode));
            let app = App::new().wrap(auth).route("/", ours());
            cases.push(bench.protected("ours", mode.name(), Place::Bearer, system.block_on(init_service(app))));
        }
        if algorithm == Algorithm::HS256 {
            let auth = JwtAuth::new(ours::authenticator(algorithm, &keys, Mode::Cached));
            let app = App::new().wrap(Require::scope(ours::GUARDED_SCOPE)).wrap(auth).route("/", ours());
            let service = system.block_on(init_service(app));
            let case = bench.protected(ours::GUARDED, Mode::Cached.name(), Place::Bearer, service);
            cases.push(case.against(Id::new(LAYER, algorithm.as_str(), "ours", Mode::Cached.name())));
        }
        let app = App::new()
            .wrap(HttpAuthentication::bearer(recipe_check))
            .app_data(Data::new(Recipe::new(key)))
            .route("/", recipe());
        cases.push(bench.protected("recipe", "cold", Place::Bearer, system.block_on(init_service(app))));
        cases.push(bench.jwt_auth_middleware());
    }
    cases
}

/// The handler without any protection.
pub(crate) fn bare() -> Route {
    async fn hello() -> &'static str {
        ANSWER
    }
    web::get().to(hello)
}

/// The handler that verifies the signature and does nothing else.
pub(crate) fn raw() -> Route {
    async fn hello(request: HttpRequest, key: Data<RawKey>) -> Result<&'static str, Error> {
        let field = request.headers().get(AUTHORIZATION).and_then(|field| field.to_str().ok());
        match field.and_then(|field| field.strip_prefix("Bearer ")).and_then(|token| key.verified(token)) {
            Some(_) => Ok(ANSWER),
            None => Err(error::ErrorUnauthorized("not a good token")),
        }
    }
    web::get().to(hello)
}

/// The handler behind our middleware.
pub(crate) fn ours() -> Route {
    async fn hello(Claims(user): Claims<User>) -> &'static str {
        black_box(user);
        ANSWER
    }
    web::get().to(hello)
}

/// The handler behind the recipe.
pub(crate) fn recipe() -> Route {
    async fn hello(user: ReqData<User>) -> &'static str {
        black_box(user.into_inner());
        ANSWER
    }
    web::get().to(hello)
}

/// The recipe: actix-web-httpauth for the header, `jsonwebtoken::decode` for the token.
pub(crate) async fn recipe_check(
    request: ServiceRequest,
    bearer: BearerAuth,
) -> Result<ServiceRequest, (Error, ServiceRequest)> {
    let user = request.app_data::<Data<Recipe>>().and_then(|recipe| recipe.verify(bearer.token()));
    match user {
        Some(user) => {
            request.extensions_mut().insert(user);
            Ok(request)
        }
        None => Err((error::ErrorUnauthorized("not a good token"), request)),
    }
}

/// Where a request carries its token.
#[derive(Clone, Copy)]
enum Place {
    Bearer,
    /// The cookie of actix-jwt-auth-middleware.
    Cookie,
}

impl Place {
    fn field(self, token: &str) -> (HeaderName, HeaderValue) {
        let (name, value) = match self {
            Self::Bearer => (AUTHORIZATION, format!("Bearer {token}")),
            Self::Cookie => (COOKIE, format!("access_token={token}")),
        };
        (name, HeaderValue::try_from(value).expect("a header value"))
    }
}

struct Bench<'k> {
    system: Rc<SystemRunner>,
    key: &'k Key,
}

impl Bench<'_> {
    /// A service that is tried before it is believed.
    fn protected<S, B>(&self, name: &str, mode: &'static str, place: Place, service: S) -> Case
    where
        S: Service<Request, Response = ServiceResponse<B>, Error = Error> + 'static,
        B: MessageBody,
    {
        let status =
            |token: &str| self.system.block_on(call(&service, request(&place.field(token), &Uri::from_static("/"))));
        assert_eq!(status(&self.key.token()), StatusCode::OK, "{name} refuses a good token");
        for (kind, bad) in self.key.bad_tokens() {
            assert_ne!(status(&bad), StatusCode::OK, "{name} accepts a token that is {kind}");
        }
        self.case(name, mode, place, service)
    }

    fn case<S, B>(&self, name: &str, mode: &'static str, place: Place, service: S) -> Case
    where
        S: Service<Request, Response = ServiceResponse<B>, Error = Error> + 'static,
        B: MessageBody,
    {
        let (field, uri) = (place.field(&self.key.token()), Uri::from_static("/"));
        let system = self.system.clone();
        Case::new(Id::new(LAYER, self.key.algorithm.as_str(), name, mode), move |calls| {
            system.block_on(async {
                for _ in 0..calls {
                    assert_eq!(call(&service, request(&field, &uri)).await, StatusCode::OK);
                }
            });
        })
    }

    /// It sits on jwt-compact, and checks neither issuer nor audience, so its handler does.
    fn jwt_auth_middleware(&self) -> Case {
        #[derive(Clone, Serialize, Deserialize, FromRequest)]
        struct Checked {
            iss: String,
            aud: String,
            #[serde(flatten)]
            user: User,
        }

        async fn hello(claims: Checked) -> Result<&'static str, Error> {
            if claims.iss != ISSUER || claims.aud != AUDIENCE {
                return Err(error::ErrorUnauthorized("not a good token"));
            }
            black_box(claims.user);
            Ok(ANSWER)
        }

        async fn nobody_is_refreshed() -> Result<(), Error> {
            Err(error::ErrorUnauthorized("not a good token"))
        }

        macro_rules! case {
            ($type:ty, $algorithm:expr, $key:expr) => {{
                let authority = Authority::<Checked, $type, _, _>::new()
                    .refresh_authorizer(nobody_is_refreshed)
                    .renew_access_token_automatically(false)
                    .algorithm($algorithm)
                    .verifying_key($key)
                    .time_options(TimeOptions::default())
                    .build()
                    .expect("an authority");
                let app = App::new().wrap(AuthenticationService::new(authority)).route("/", web::get().to(hello));
                let service = self.system.block_on(init_service(app));
                // Not by `Authorization`: it takes the name of the scheme for a part of the token there.
                self.protected("actix-jwt-auth-middleware", "cold", Place::Cookie, service)
            }};
        }
        match self.key.algorithm {
            Algorithm::HS256 => case!(Hs256, Hs256, Hs256Key::new(self.key.secret.as_bytes())),
            _ => {
                let jwks: serde_json::Value = serde_json::from_str(&self.key.jwks).expect("a JWK Set");
                let jwk = jwks["keys"][0].to_string();
                let jwk: JsonWebKey<'_> = serde_json::from_str(&jwk).expect("a JWK");
                case!(Rsa, Rsa::rs256(), RsaPublicKey::try_from(&jwk).expect("an RSA key"))
            }
        }
    }
}

fn request((name, value): &(HeaderName, HeaderValue), uri: &Uri) -> Request {
    // As the server makes one: out of its pool, and then filled in.
    let mut request = Request::new();
    request.head_mut().uri = uri.clone();
    request.headers_mut().insert(name.clone(), value.clone());
    request
}

async fn call<S, B>(service: &S, request: Request) -> StatusCode
where
    S: Service<Request, Response = ServiceResponse<B>, Error = Error>,
{
    // Middleware may refuse by an error, too.
    match service.call(request).await {
        Ok(response) => black_box(response).status(),
        Err(error) => error.as_response_error().status_code(),
    }
}
