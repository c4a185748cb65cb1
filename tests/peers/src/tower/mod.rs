//! A route of axum that answers a constant, behind each of the crates, called without a network.
//!
//! Each handler takes the claims in the way of its crate, so that whatever it costs to hand them over is in.

mod authkestra;
mod axum_jwt_auth;
mod huskarl;
mod jwt_authorizer;
mod oauth2;
mod recipe;
mod tower_jwt;

use std::convert::Infallible;
use std::future::ready;
use std::hint::black_box;
use std::rc::Rc;
use std::sync::Arc;

use axum::body::Body;
use axum::routing::get;
use axum::{Extension, Router};
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Response, StatusCode};
use jwt_core::{Algorithm, Authenticator};
use jwt_tower::{Claims, JwtAuth, Require};
use tokio::runtime::Runtime;
use tower::Service;
use tower::layer::util::Identity;
use tower::util::MapRequestLayer;

use crate::core::RawKey;
use crate::dpop::Client;
use crate::measure::{Case, Id};
use crate::ours::{self, Mode};
use crate::tokens::{Key, User};

pub(crate) use authkestra::router as authkestra;
pub(crate) use huskarl::router_with_proofs as huskarl_with_proofs;

pub(crate) const LAYER: &str = "tower";

/// The bare route of the axum that jwt-authorizer is made for.
pub(crate) const BARE_07: &str = "bare (axum 0.7)";

/// The bare route behind a layer that does nothing: what is axum's, of what a layer costs.
pub(crate) const EMPTY_LAYER: &str = "empty layer";

/// A layer that leaves something in the extensions for the handler to take: what is that of any layer that hands
/// something over, whatever it does to come by it.
pub(crate) const HANDOVER: &str = "layer that hands over an Arc";

/// What every route answers.
pub(crate) const ANSWER: &str = "Hello!";

pub(crate) fn cases(runtime: &Rc<Runtime>) -> Vec<Case> {
    let mut cases = Vec::new();
    for algorithm in [Algorithm::HS256, Algorithm::RS256] {
        let keys = [Key::generate(algorithm)];
        let bench = Bench { runtime: runtime.clone(), key: &keys[0] };
        cases.push(bench.unprotected("bare", served(bare()), Body::empty));
        cases.push(bench.unprotected(EMPTY_LAYER, served(bare().layer(Identity::new())), Body::empty));
        cases.push(bench.unprotected(HANDOVER, served(handover()), Body::empty));
        cases.push(bench.unprotected(BARE_07, jwt_authorizer::bare(), jwt_authorizer::body));
        for mode in Mode::BOTH {
            cases.push(bench.protected("ours", mode.name(), served(ours(algorithm, &keys, mode)), Body::empty));
        }
        if algorithm == Algorithm::HS256 {
            for (name, router) in
                [(ours::GUARDED, guarded(algorithm, &keys)), (ours::GUARDED_APART, guarded_apart(algorithm, &keys))]
            {
                let case = bench.protected(name, Mode::Cached.name(), served(router), Body::empty);
                cases.push(case.against(Id::new(LAYER, algorithm.as_str(), "ours", Mode::Cached.name())));
            }
        }
        for (name, router) in peers(algorithm) {
            cases.push(bench.protected(name, "cold", served(router(bench.key, runtime)), Body::empty));
        }
        let authorizer = runtime.block_on(jwt_authorizer::router(bench.key));
        cases.push(bench.protected("jwt-authorizer", "cold", authorizer, jwt_authorizer::body));
    }
    cases
}

/// The route without any protection.
pub(crate) fn bare() -> Router {
    async fn hello() -> &'static str {
        ANSWER
    }
    Router::new().route("/", get(hello))
}

/// The route whose handler verifies the signature and does nothing else.
pub(crate) fn raw(key: RawKey) -> Router {
    let key = Arc::new(key);
    let hello = move |request: Request<Body>| {
        let field = request.headers().get(AUTHORIZATION).and_then(|field| field.to_str().ok());
        let verified =
            field.and_then(|field| field.strip_prefix("Bearer ")).is_some_and(|token| key.verified(token).is_some());
        ready(if verified { Ok(ANSWER) } else { Err(StatusCode::UNAUTHORIZED) })
    };
    Router::new().route("/", get(hello))
}

/// A router of a peer.
pub(crate) type Peer = fn(&Key, &Runtime) -> Router;

/// The peers that are for this axum, by name.
pub(crate) fn peers(algorithm: Algorithm) -> Vec<(&'static str, Peer)> {
    let mut peers: Vec<(&str, Peer)> = vec![
        ("recipe", |key, _| recipe::router(key)),
        ("axum-jwt-auth", |key, _| axum_jwt_auth::router(key)),
        ("tower-jwt", |key, _| tower_jwt::router(key)),
    ];
    // The other two are made for OAuth's access tokens and take no HMAC.
    if algorithm == Algorithm::RS256 {
        peers.push(("tower-oauth2-resource-server", |key, runtime| runtime.block_on(oauth2::router(key))));
        peers.push(("huskarl-axum", |key, runtime| runtime.block_on(huskarl::router(key))));
    }
    peers
}

fn handover() -> Router {
    async fn hello(Extension(number): Extension<Arc<u64>>) -> &'static str {
        black_box(number);
        ANSWER
    }
    let number = Arc::new(42_u64);
    let insert = move |mut request: Request<Body>| {
        request.extensions_mut().insert(number.clone());
        request
    };
    Router::new().route("/", get(hello)).layer(MapRequestLayer::new(insert))
}

/// The route behind our layer.
pub(crate) fn ours(algorithm: Algorithm, keys: &[Key], mode: Mode) -> Router {
    behind(ours::authenticator(algorithm, keys, mode))
}

/// The route behind that authenticator.
pub(crate) fn behind(auth: Authenticator<User>) -> Router {
    claims_taken().layer(JwtAuth::new(auth))
}

/// A router that is asked with another proof of the client at each call. It is tried before it is believed.
pub(crate) fn with_proofs(id: Id, runtime: &Rc<Runtime>, router: Router, client: &Rc<Client>) -> Case {
    let mut service = served(router);
    let mut status = |request: Request<()>| runtime.block_on(call(&mut service, request.map(|()| Body::empty())));
    assert_eq!(status(client.request(0)), StatusCode::OK, "{id} refuses a good proof");
    if id.implementation != "bare" {
        assert_ne!(status(client.unproven()), StatusCode::OK, "{id} accepts a token without a proof");
    }
    // Of the bare route, which does not look at it, there are more calls than proofs.
    let used_up = usize::from(id.implementation != "bare");
    let (runtime, client) = (runtime.clone(), client.clone());
    let mut next = 1;
    Case::new(id, move |calls| {
        runtime.block_on(async {
            for _ in 0..calls {
                let request = client.request(next).map(|()| Body::empty());
                next += used_up;
                assert_eq!(call(&mut service, request).await, StatusCode::OK);
            }
        });
    })
}

/// The same behind a guard.
fn guarded(algorithm: Algorithm, keys: &[Key]) -> Router {
    let auth = JwtAuth::new(ours::authenticator(algorithm, keys, Mode::Cached));
    claims_taken().layer((auth, Require::scope(ours::GUARDED_SCOPE)))
}

/// The same behind a guard that axum puts into a box of its own.
fn guarded_apart(algorithm: Algorithm, keys: &[Key]) -> Router {
    let auth = JwtAuth::new(ours::authenticator(algorithm, keys, Mode::Cached));
    claims_taken().route_layer(Require::scope(ours::GUARDED_SCOPE)).layer(auth)
}

fn claims_taken() -> Router {
    async fn hello(Claims(user): Claims<User>) -> &'static str {
        black_box(user);
        ANSWER
    }
    Router::new().route("/", get(hello))
}

/// As `axum::serve` treats a router for each connection. Without it, the router makes its routes, and applies their
/// layers, again for every request.
fn served(router: Router) -> Router {
    router.with_state(())
}

struct Bench<'k> {
    runtime: Rc<Runtime>,
    key: &'k Key,
}

impl Bench<'_> {
    fn unprotected<S, B, R>(&self, name: &str, service: S, body: fn() -> B) -> Case
    where
        S: Service<Request<B>, Response = Response<R>, Error = Infallible> + 'static,
        B: 'static,
    {
        self.case(name, "cold", service, body)
    }

    /// A service that is tried before it is believed.
    fn protected<S, B, R>(&self, name: &str, mode: &'static str, mut service: S, body: fn() -> B) -> Case
    where
        S: Service<Request<B>, Response = Response<R>, Error = Infallible> + 'static,
        B: 'static,
    {
        let mut status = |token: &str| {
            let request = request(token).map(|()| body());
            self.runtime.block_on(call(&mut service, request))
        };
        assert_eq!(status(&self.key.token()), StatusCode::OK, "{name} refuses a good token");
        for (kind, bad) in self.key.bad_tokens() {
            assert_ne!(status(&bad), StatusCode::OK, "{name} accepts a token that is {kind}");
        }
        self.case(name, mode, service, body)
    }

    fn case<S, B, R>(&self, name: &str, mode: &'static str, mut service: S, body: fn() -> B) -> Case
    where
        S: Service<Request<B>, Response = Response<R>, Error = Infallible> + 'static,
        B: 'static,
    {
        let template = request(&self.key.token());
        let runtime = self.runtime.clone();
        Case::new(Id::new(LAYER, self.key.algorithm.as_str(), name, mode), move |calls| {
            runtime.block_on(async {
                for _ in 0..calls {
                    let request = template.clone().map(|()| body());
                    assert_eq!(call(&mut service, request).await, StatusCode::OK);
                }
            });
        })
    }
}

fn request(token: &str) -> Request<()> {
    let value = HeaderValue::try_from(format!("Bearer {token}")).expect("a header value");
    Request::get("/").header(AUTHORIZATION, value).body(()).expect("a request")
}

async fn call<S, B, R>(service: &mut S, request: Request<B>) -> StatusCode
where
    S: Service<Request<B>, Response = Response<R>, Error = Infallible>,
{
    let Ok(()) = std::future::poll_fn(|cx| service.poll_ready(cx)).await;
    let Ok(response) = service.call(request).await;
    black_box(response).status()
}
