//! Tokens are passed on to the services that are named, by real clients over real connections, and to nobody else.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use acceptance::{ISSUER, NOW, SECRET, STACKS, Server, Stopped, User, builder, good_claims, hs256, request as head};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use jwt_core::binding::{Dpop, DpopKey, DpopNonces};
use jwt_core::clock::{Clock, NumericDate};
use jwt_core::forward::{
    ExchangeError, ExchangeRequest, ExchangedToken, Exchanging, ForwardError, ForwardTarget, Forwarder,
    ForwarderBuildError, OAuthErrorCode, TokenExchange,
};
use jwt_core::{Algorithm, Authenticator, CompactToken, KeySet};
use jwt_tower::{ForwardToken, ForwardingError, JwtAuth, Token};
use proptest::prelude::*;
use serde_json::json;
use tower::{Layer, ServiceExt, service_fn};

type Body = Full<Bytes>;

/// The proved token of a user's request.
fn alice() -> CompactToken {
    alice_until(NOW + 600)
}

fn alice_until(end: u64) -> CompactToken {
    let mut claims = good_claims();
    claims["exp"] = end.into();
    builder().build().unwrap().verifier().verify(hs256(&claims)).unwrap().token()
}

fn axum_server() -> Server {
    STACKS.iter().find(|stack| stack.name == "axum").unwrap().start(builder().build().unwrap())
}

fn to(address: SocketAddr) -> Forwarder {
    Forwarder::builder().target(format!("http://{address}")).clock(Stopped).build().unwrap()
}

/// Runs an axum service on a thread of its own until the process ends.
fn serve(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    listener.set_nonblocking(true).unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime
            .block_on(async { axum::serve(tokio::net::TcpListener::from_std(listener).unwrap(), app).await.unwrap() });
    });
    address
}

/// Listens, remembers every request head that it gets, and answers them all alike.
struct Witness {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Witness {
    fn answering(status: &str, fields: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n{fields}\r\n");
        let seen = heads.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let (mut head, mut buffer) = (Vec::new(), [0; 4096]);
                while !head.windows(4).any(|window| window == b"\r\n\r\n") {
                    match stream.read(&mut buffer) {
                        Ok(read) if read > 0 => head.extend_from_slice(&buffer[..read]),
                        _ => break,
                    }
                }
                seen.lock().unwrap().push(String::from_utf8(head).unwrap().to_ascii_lowercase());
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Self { address, heads }
    }

    /// One that answers everything with 204.
    fn new() -> Self {
        Self::answering("204 No Content", "")
    }

    fn redirecting_to(address: SocketAddr) -> Self {
        Self::answering("307 Temporary Redirect", &format!("location: http://{address}/stolen\r\n"))
    }

    /// How many requests came, and how many of them had an `Authorization`.
    fn seen(&self) -> (usize, usize) {
        let heads = self.heads.lock().unwrap();
        (heads.len(), heads.iter().filter(|head| head.contains("\r\nauthorization: bearer ")).count())
    }
}

fn hyper_client() -> Client<hyper_util::client::legacy::connect::HttpConnector, Body> {
    Client::builder(TokioExecutor::new()).build_http()
}

fn call(address: impl std::fmt::Display, token: Option<CompactToken>) -> Request<Body> {
    let request = Request::get(address.to_string());
    let request = token.into_iter().fold(request, http::request::Builder::extension);
    request.body(Body::default()).unwrap()
}

// Two services.

#[test]
fn a_service_on_axum_asks_another_one_on_behalf_of_the_user() {
    let invoices = axum_server();
    let client = ForwardToken::new(to(invoices.address)).layer(hyper_client());
    let address = format!("http://{}/me", invoices.address);
    let unpaid = async move |Token(token): Token| {
        let answer = client.oneshot(call(address, Some(token))).await.unwrap();
        (answer.status(), answer.into_body().collect().await.unwrap().to_bytes())
    };
    let orders = serve(Router::new().route("/orders", get(unpaid)).layer(JwtAuth::new(builder().build().unwrap())));

    let token = format!("Bearer {}", hs256(&good_claims()));
    let reply = acceptance::Connection::open(orders).send(&head("/orders", &[("Authorization", &token)]));
    assert_eq!((reply.status, &*reply.body), (200, r#"{"sub":"alice","name":"Alice"}"#));
    let reply = acceptance::Connection::open(orders).send(&head("/orders", &[]));
    assert_eq!(reply.status, 401);
}

#[test]
fn a_service_on_actix_asks_one_on_axum_on_behalf_of_the_user() {
    use actix_web::{App, HttpServer, web};

    let invoices = axum_server();
    let address = web::Data::new(format!("http://{}/me", invoices.address));
    let forward = web::Data::new(jwt_actix::ForwardToken::new(to(invoices.address)));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let orders = listener.local_addr().unwrap();

    async fn unpaid(
        jwt_actix::Token(token): jwt_actix::Token,
        forward: web::Data<jwt_actix::ForwardToken>,
        address: web::Data<String>,
    ) -> String {
        let mut call = awc::Client::new().get(address.as_str());
        for field in forward.headers(&token, "GET", call.get_uri()).await.unwrap() {
            call = call.insert_header(field);
        }
        let mut answer = call.send().await.unwrap();
        String::from_utf8(answer.body().await.unwrap().to_vec()).unwrap()
    }
    std::thread::spawn(move || {
        let app = move || {
            App::new()
                .app_data(forward.clone())
                .app_data(address.clone())
                .wrap(jwt_actix::JwtAuth::new(builder().build().unwrap()))
                .route("/orders", web::get().to(unpaid))
        };
        let server = HttpServer::new(app).workers(1).disable_signals().listen(listener).unwrap().run();
        actix_web::rt::System::new().block_on(server).unwrap();
    });

    let token = format!("Bearer {}", hs256(&good_claims()));
    let reply = acceptance::Connection::open(orders).send(&head("/orders", &[("Authorization", &token)]));
    assert_eq!((reply.status, &*reply.body), (200, r#"{"sub":"alice","name":"Alice"}"#));
}

// What goes out, and what does not.

#[tokio::test]
async fn only_a_request_that_is_handed_a_token_carries_one() {
    let invoices = Witness::new();
    let client = ForwardToken::new(to(invoices.address)).layer(hyper_client());
    let address = format!("http://{}/", invoices.address);
    client.clone().oneshot(call(&address, None)).await.unwrap();
    assert_eq!(invoices.seen(), (1, 0));
    client.oneshot(call(&address, Some(alice()))).await.unwrap();
    assert_eq!(invoices.seen(), (2, 1));
}

#[tokio::test]
async fn a_token_for_an_address_that_is_no_target_stays_here_with_its_request() {
    let (invoices, other) = (Witness::new(), Witness::new());
    let client = ForwardToken::new(to(invoices.address)).layer(hyper_client());
    for address in [
        format!("http://{}/", other.address),
        format!("http://localhost:{}/", invoices.address.port()),
        format!("https://{}/", invoices.address),
        format!("http://{}@{}/", invoices.address, other.address),
        "/".to_owned(),
    ] {
        let result = client.clone().oneshot(call(&address, Some(alice()))).await;
        assert!(matches!(result, Err(ForwardingError::Forward(ForwardError::NotATarget))), "{address}");
    }
    assert_eq!((invoices.seen(), other.seen()), ((0, 0), (0, 0)));
    // A request without a token may go there.
    client.oneshot(call(format!("http://{}/", other.address), None)).await.unwrap();
    assert_eq!(other.seen(), (1, 0));
}

#[tokio::test]
async fn a_request_with_an_authorization_of_its_own_gets_no_second_one() {
    let invoices = Witness::new();
    let client = ForwardToken::new(to(invoices.address)).layer(hyper_client());
    let with_own = |token| {
        let mut request = call(format!("http://{}/", invoices.address), token);
        request.headers_mut().insert(AUTHORIZATION, HeaderValue::from_static("Basic Og=="));
        request
    };
    let result = client.clone().oneshot(with_own(Some(alice()))).await;
    assert!(matches!(result, Err(ForwardingError::Forward(ForwardError::AlreadyAuthorized))));
    assert_eq!(invoices.seen(), (0, 0));
    client.oneshot(with_own(None)).await.unwrap();
    assert!(invoices.heads.lock().unwrap()[0].contains("\r\nauthorization: basic og==\r\n"));
}

#[tokio::test]
async fn the_header_is_marked_as_sensitive_and_the_token_prints_nowhere() {
    let token = alice();
    let forwarder = Forwarder::builder().target("https://invoices.example").clock(Stopped).build().unwrap();
    let fields = forwarder.headers(&token, "GET", "https://invoices.example/").await.unwrap();
    let value = &fields[AUTHORIZATION];
    assert_eq!((value.to_str().unwrap(), fields.len()), (&*format!("Bearer {}", token.as_str()), 1));
    let address = "https://invoices.example/".parse().unwrap();
    let for_awc = jwt_actix::ForwardToken::new(forwarder.clone()).headers(&token, "GET", &address).await.unwrap();
    let request = call("https://invoices.example/", Some(token));
    let service = ForwardToken::new(forwarder.clone()).layer(service_fn(async |_: Request<Body>| Ok::<_, ()>(())));
    let mut printed = format!("{value:?} {for_awc:?} {request:?} {forwarder:?}");
    write!(printed, "{:?}", service.oneshot(request)).unwrap();
    assert!(!printed.contains("eyJ"), "{printed}");
}

#[tokio::test]
async fn a_token_that_would_end_during_the_call_is_not_passed_on() {
    let target = ForwardTarget::new("https://invoices.example").call_time(Duration::from_secs(10));
    let forwarder =
        Forwarder::builder().target("https://orders.example").target(target).clock(Stopped).build().unwrap();
    let at = async |address: &str, end| forwarder.headers(&alice_until(end), "GET", address).await;
    for (address, needed) in [("https://orders.example/", 5), ("https://invoices.example/", 15)] {
        let result = at(address, NOW + needed).await;
        assert!(matches!(result, Err(ForwardError::Expiring)), "{address}");
        at(address, NOW + needed + 1).await.unwrap();
    }
    // Taken by the verifier within its leeway, and yet over.
    assert!(matches!(at("https://orders.example/", NOW - 10).await, Err(ForwardError::Expiring)));
}

// Redirects.

#[tokio::test]
async fn a_redirect_does_not_carry_the_token_to_another_origin() {
    let other = Witness::new();
    let invoices = Witness::redirecting_to(other.address);
    let address = format!("http://{}/", invoices.address);
    let forwarder = to(invoices.address);

    // hyper's client leaves redirects to us.
    let client = ForwardToken::new(forwarder.clone()).layer(hyper_client());
    let answer = client.clone().oneshot(call(&address, Some(alice()))).await.unwrap();
    assert_eq!(answer.status(), StatusCode::TEMPORARY_REDIRECT);
    assert_eq!((invoices.seen(), other.seen()), ((1, 1), (0, 0)));

    // tower-http, inside of the layer.
    let following = tower_http::follow_redirect::FollowRedirect::new(hyper_client());
    let client_inside = ForwardToken::new(forwarder.clone()).layer(following);
    let answer = client_inside.oneshot(call(&address, Some(alice()))).await.unwrap();
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    assert_eq!((invoices.seen(), other.seen()), ((2, 2), (1, 0)));

    // tower-http, around the layer: it may follow, the token does not.
    let _followed =
        tower_http::follow_redirect::FollowRedirect::new(client).oneshot(call(&address, Some(alice()))).await;
    assert_eq!((invoices.seen(), other.seen().1), ((3, 3), 0));

    // reqwest by hand.
    let fields = forwarder.headers(&alice(), "GET", &*address).await.unwrap();
    let before = other.seen().0;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.get(&address).headers(fields).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    assert_eq!((invoices.seen(), other.seen()), ((4, 4), (before + 1, 0)));

    // reqwest through the layer.
    let reqwest = service_fn(move |request: Request<Body>| {
        let request = reqwest::Request::try_from(request.map(|_| Vec::new())).unwrap();
        client.execute(request)
    });
    let client = ForwardToken::new(forwarder).layer(reqwest);
    let answer = client.oneshot(call(&address, Some(alice()))).await.unwrap();
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    assert_eq!((invoices.seen(), other.seen()), ((5, 5), (before + 2, 0)));
}

#[actix_web::test]
async fn a_redirect_that_awc_follows_does_not_carry_the_token_to_another_origin() {
    let other = Witness::new();
    let invoices = Witness::redirecting_to(other.address);
    let forward = jwt_actix::ForwardToken::new(to(invoices.address));
    let mut call = awc::Client::new().get(format!("http://{}/", invoices.address));
    for field in forward.headers(&alice(), "GET", call.get_uri()).await.unwrap() {
        call = call.insert_header(field);
    }
    let answer = call.send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 204);
    assert_eq!((invoices.seen(), other.seen()), ((1, 1), (1, 0)));
    // The address of the redirect is no target either.
    let address = format!("http://{}/stolen", other.address).parse().unwrap();
    assert!(matches!(forward.headers(&alice(), "GET", &address).await, Err(ForwardError::NotATarget)));
}

// Exchange.

/// A clock that tests move.
#[derive(Clone)]
struct Movable(Arc<AtomicU64>);

impl Clock for Movable {
    fn now(&self) -> NumericDate {
        NumericDate::from_secs(self.0.load(Ordering::SeqCst))
    }
}

/// Sends the form to a token endpoint.
struct TokenEndpoint(Uri);

impl TokenExchange for TokenEndpoint {
    fn exchange(&self, request: ExchangeRequest) -> Exchanging<'_> {
        let form = Request::post(&self.0)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Full::from(request.form()))
            .unwrap();
        Box::pin(async move {
            let answer = hyper_client().request(form).await.map_err(ExchangeError::transport)?;
            let status = answer.status().as_u16();
            let body = answer.into_body().collect().await.map_err(ExchangeError::transport)?.to_bytes();
            ExchangedToken::from_answer(status, &body)
        })
    }
}

/// A token endpoint that narrows good tokens for the audience `invoices`, and how often it was asked.
fn token_endpoint() -> (Uri, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let endpoint = async move |form: String| {
        count.fetch_add(1, Ordering::SeqCst);
        let form = reqwest::Url::parse(&format!("http://form/?{form}")).unwrap();
        let form: std::collections::HashMap<_, _> = form.query_pairs().collect();
        let refusal = |error| (StatusCode::BAD_REQUEST, Json(serde_json::json!({"error": error})));
        if form["grant_type"] != "urn:ietf:params:oauth:grant-type:token-exchange"
            || form["subject_token_type"] != "urn:ietf:params:oauth:token-type:access_token"
            || form["requested_token_type"] != "urn:ietf:params:oauth:token-type:access_token"
        {
            return refusal("invalid_request");
        }
        let Ok(subject) = builder().build().unwrap().verifier().verify(&*form["subject_token"]) else {
            return refusal("invalid_grant");
        };
        if form["audience"] != "invoices" {
            return refusal("invalid_target");
        }
        let claims = serde_json::json!({
            "iss": ISSUER, "aud": form["audience"], "sub": subject.sub, "name": subject.name,
            "scope": form["scope"], "exp": NOW + 60,
        });
        let answer = serde_json::json!({
            "access_token": hs256(&claims), "token_type": "Bearer", "expires_in": 60,
            "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        });
        (StatusCode::OK, Json(answer))
    };
    let address = serve(Router::new().route("/token", post(endpoint)));
    (format!("http://{address}/token").parse().unwrap(), asked)
}

#[tokio::test]
async fn a_target_that_wants_a_narrower_token_gets_that_one_and_never_the_users() {
    let (endpoint, asked) = token_endpoint();
    let narrow = Authenticator::<User>::builder()
        .keys(KeySet::hs256(SECRET).unwrap())
        .issuer(ISSUER)
        .audience("invoices")
        .clock(Stopped)
        .check(|token| {
            if token.claims_json().contains(r#""scope":"invoices:read invoices:list""#) { Ok(()) } else { Err(Wide) }
        });
    let invoices = STACKS[0].start(narrow.build().unwrap());
    let target = ForwardTarget::new(format!("http://{}", invoices.address))
        .audience("invoices")
        .scope("invoices:read")
        .scope("invoices:list");
    let forwarder =
        Forwarder::builder().target(target).exchange(TokenEndpoint(endpoint)).clock(Stopped).build().unwrap();
    let client = ForwardToken::new(forwarder).layer(hyper_client());

    assert_eq!(invoices.get_with_bearer(alice().as_str()).status, 401, "the user's own token is not for invoices");
    for _ in 0..3 {
        let answer =
            client.clone().oneshot(call(format!("http://{}/me", invoices.address), Some(alice()))).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1, "the narrower token is kept");
}

#[derive(Debug, thiserror::Error)]
#[error("a scope too many")]
struct Wide;

/// Makes exactly the token that is wished for.
struct AsWished;

impl TokenExchange for AsWished {
    fn exchange(&self, request: ExchangeRequest) -> Exchanging<'_> {
        let lifetime = request.lifetime();
        let mut claims = good_claims();
        claims["aud"] = request.audience().into();
        claims["scope"] = request.scopes().collect::<Vec<_>>().join(" ").into();
        claims["exp"] = (NOW + lifetime.map_or(0, |time| time.as_secs())).into();
        assert_eq!(request.subject_token().as_str(), alice().as_str());
        Box::pin(async move { Ok(ExchangedToken::new(hs256(&claims), lifetime)) })
    }
}

#[actix_web::test]
async fn a_target_says_what_its_token_should_be_good_for_and_how_long_and_awc_sends_that_one() {
    let expected = json!({"aud": "invoices", "scope": "invoices:read", "exp": NOW + 60});
    let narrow = Authenticator::<User>::builder().keys(KeySet::hs256(SECRET).unwrap()).audience("invoices");
    let narrow = narrow.clock(Stopped).check(move |token| {
        let claims: serde_json::Value = serde_json::from_str(token.claims_json()).unwrap();
        let good = ["aud", "scope", "exp"].iter().all(|name| claims[name] == expected[name]);
        if good { Ok(()) } else { Err(Wide) }
    });
    let invoices = STACKS.iter().find(|stack| stack.name == "actix").unwrap().start(narrow.build().unwrap());
    let target = ForwardTarget::new(format!("http://{}", invoices.address))
        .audience("invoices")
        .scope("invoices:read")
        .lifetime(Duration::from_secs(60));
    let forwarder = Forwarder::builder().target(target).exchange(AsWished).clock(Stopped).build().unwrap();
    let forward = jwt_actix::ForwardToken::new(forwarder);
    let mut call = awc::Client::new().get(format!("http://{}/me", invoices.address));
    for field in forward.headers(&alice(), "GET", call.get_uri()).await.unwrap() {
        call = call.insert_header(field);
    }
    assert_eq!(call.send().await.unwrap().status().as_u16(), 200);
}

#[tokio::test]
async fn a_refusal_of_the_token_endpoint_is_told_and_not_kept() {
    let (endpoint, asked) = token_endpoint();
    let forwarder = Forwarder::builder()
        .target(ForwardTarget::new("https://ledger.example").audience("ledger").scope("x"))
        .exchange(TokenEndpoint(endpoint))
        .clock(Stopped)
        .build()
        .unwrap();
    for times in 1..=2 {
        let refused = forwarder.headers(&alice(), "GET", "https://ledger.example/").await;
        assert!(matches!(refused, Err(ForwardError::Exchange(ExchangeError::Refused(OAuthErrorCode::InvalidTarget)))));
        assert_eq!(asked.load(Ordering::SeqCst), times);
    }
}

/// Yields numbered tokens of that life once the gate is open.
#[derive(Clone)]
struct Numbered {
    asked: Arc<AtomicUsize>,
    gate: Arc<tokio::sync::Semaphore>,
    lifetime: Option<Duration>,
}

impl Numbered {
    fn new(lifetime: Option<u64>) -> Self {
        let lifetime = lifetime.map(Duration::from_secs);
        Self { asked: Arc::default(), gate: Arc::new(tokio::sync::Semaphore::new(0)), lifetime }
    }

    fn open(lifetime: Option<u64>) -> Self {
        let open = Self::new(lifetime);
        open.gate.add_permits(1_000);
        open
    }

    fn forwarder(&self, clock: impl Clock + 'static) -> Forwarder {
        Forwarder::builder()
            .target(ForwardTarget::new("https://a.example").audience("a"))
            .target(ForwardTarget::new("https://b.example").audience("b"))
            .exchange(self.clone())
            .max_exchanged(2)
            .clock(clock)
            .build()
            .unwrap()
    }
}

impl TokenExchange for Numbered {
    fn exchange(&self, request: ExchangeRequest) -> Exchanging<'_> {
        let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        Box::pin(async move {
            let _permit = self.gate.acquire().await.map_err(ExchangeError::transport)?;
            Ok(ExchangedToken::new(format!("{}{number}", request.audience().unwrap()), self.lifetime))
        })
    }
}

async fn at(forwarder: &Forwarder, token: &CompactToken, address: &str) -> Result<String, ForwardError> {
    let fields = forwarder.headers(token, "GET", address).await?;
    Ok(fields[AUTHORIZATION].to_str().unwrap().strip_prefix("Bearer ").unwrap().to_owned())
}

#[tokio::test]
async fn an_exchanged_token_is_kept_for_its_user_and_target_until_shortly_before_its_end() {
    let (exchange, clock) = (Numbered::open(Some(60)), Movable(Arc::new(NOW.into())));
    let forwarder = exchange.forwarder(clock.clone());
    let (alice, later) = (alice(), alice_until(NOW + 601));
    assert_eq!(at(&forwarder, &alice, "https://a.example/").await.unwrap(), "a1");
    assert_eq!(at(&forwarder, &alice, "https://b.example/").await.unwrap(), "b2");
    clock.0.store(NOW + 54, Ordering::SeqCst);
    assert_eq!(at(&forwarder, &alice, "https://a.example/x").await.unwrap(), "a1");
    clock.0.store(NOW + 55, Ordering::SeqCst);
    assert_eq!(at(&forwarder, &alice, "https://a.example/").await.unwrap(), "a3");
    // There is room for two, and the one that ends first makes it.
    assert_eq!(at(&forwarder, &later, "https://a.example/").await.unwrap(), "a4");
    assert_eq!(at(&forwarder, &alice, "https://a.example/").await.unwrap(), "a3");
    assert_eq!(at(&forwarder, &later, "https://a.example/").await.unwrap(), "a4");
    // The user's own token ends, and with it what it was exchanged for.
    clock.0.store(NOW + 600, Ordering::SeqCst);
    assert!(matches!(at(&forwarder, &alice, "https://a.example/").await, Err(ForwardError::Expiring)));
}

#[tokio::test]
async fn an_exchanged_token_of_unknown_life_is_used_once_and_one_of_no_life_not_at_all() {
    let forwarder = Numbered::open(None).forwarder(Stopped);
    assert_eq!(at(&forwarder, &alice(), "https://a.example/").await.unwrap(), "a1");
    assert_eq!(at(&forwarder, &alice(), "https://a.example/").await.unwrap(), "a2");
    let forwarder = Numbered::open(Some(5)).forwarder(Stopped);
    assert!(matches!(at(&forwarder, &alice(), "https://a.example/").await, Err(ForwardError::Expiring)));
    let forwarder = Numbered::open(Some(u64::MAX)).forwarder(Stopped);
    assert_eq!(at(&forwarder, &alice(), "https://a.example/").await.unwrap(), "a1");
    assert_eq!(at(&forwarder, &alice(), "https://a.example/").await.unwrap(), "a1");
}

#[tokio::test]
async fn many_calls_at_once_wait_for_one_exchange() {
    let exchange = Numbered::new(Some(60));
    let forwarder = exchange.forwarder(Stopped);
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let forwarder = forwarder.clone();
            tokio::spawn(async move { at(&forwarder, &alice(), "https://a.example/").await.unwrap() })
        })
        .collect();
    // Everybody has come as far as possible: one runtime on one thread takes turns.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(exchange.asked.load(Ordering::SeqCst), 1);
    exchange.gate.add_permits(1);
    for call in calls {
        assert_eq!(call.await.unwrap(), "a1");
    }
}

#[tokio::test]
async fn another_call_takes_over_where_the_exchanging_one_is_dropped() {
    let exchange = Numbered::new(Some(60));
    let forwarder = exchange.forwarder(Stopped);
    let start = || {
        let forwarder = forwarder.clone();
        tokio::spawn(async move { at(&forwarder, &alice(), "https://a.example/").await.unwrap() })
    };
    let first = start();
    tokio::task::yield_now().await;
    let others = [start(), start()];
    tokio::task::yield_now().await;
    assert_eq!(exchange.asked.load(Ordering::SeqCst), 1);
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    exchange.gate.add_permits(1);
    for other in others {
        assert_eq!(other.await.unwrap(), "a2");
    }
}

// Configuration.

#[test]
fn a_forwarder_that_would_not_do_what_it_seems_to_is_not_built() {
    let build = |targets: &[&str]| {
        let builder = targets.iter().fold(Forwarder::builder(), jwt_core::forward::ForwarderBuilder::target);
        builder.build().err()
    };
    assert_eq!(build(&["https://a.example", "https://b.example"]), None);
    assert_eq!(build(&[]), Some(ForwarderBuildError::NoTarget));
    let origin = "https://a.example/path".into();
    assert_eq!(
        build(&["https://b.example", "https://a.example/path"]),
        Some(ForwarderBuildError::NotAnOrigin { origin })
    );
    let origin = "http://a.example".into();
    assert_eq!(build(&["http://a.example"]), Some(ForwarderBuildError::InsecureOrigin { origin }));
    let origin = || "https://a.example:443".into();
    let twice = build(&["https://a.example", "https://A.example:443/"]);
    assert_eq!(twice, Some(ForwarderBuildError::DuplicateTarget { origin: origin() }));
    let narrow =
        |audience: &str| Forwarder::builder().target(ForwardTarget::new("https://a.example").audience(audience));
    assert_eq!(narrow("a").build().err(), Some(ForwarderBuildError::NoExchange { origin: origin() }));
    let empty = narrow("").exchange(Numbered::new(None)).build();
    assert_eq!(empty.err(), Some(ForwarderBuildError::EmptyAudience { origin: origin() }));
    let target = ForwardTarget::new("https://a.example").scope("");
    let empty = Forwarder::builder().target(target).exchange(Numbered::new(None)).build();
    assert_eq!(empty.err(), Some(ForwarderBuildError::EmptyScope { origin: origin() }));
    let unused = Forwarder::builder().target("https://a.example").exchange(Numbered::new(None));
    assert_eq!(unused.build().err(), Some(ForwarderBuildError::UnusedExchange));
}

// Whatever the address looks like.

const TARGETS: [&str; 3] = ["https://a.example", "http://127.0.0.1:8080", "https://b.example:8443"];

/// Addresses made of the pieces that parsers have been fooled with.
fn address() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "https://",
        "http://",
        "HTTPS://",
        "//",
        "a.example",
        "A.EXAMPLE",
        "b.example",
        "evil.example",
        "127.0.0.1",
        "localhost",
        "0x7f.1",
        "[::1]",
        ":443",
        ":8443",
        ":8080",
        ":80",
        ":",
        "@",
        "/",
        "\\",
        "?",
        "#",
        ".",
        "%2e",
        "%40",
        "\t",
        "\n",
        " ",
        "user",
        "\u{ff0e}",
        "\u{2024}",
        ";",
        "&",
        "..",
        "x",
        "*",
        "-",
    ]);
    let start = prop::sample::select(vec![
        "https://a.example",
        "http://127.0.0.1:8080",
        "https://b.example:8443",
        "https://",
        "http://",
        "",
    ]);
    (start, prop::collection::vec(piece, 0..6)).prop_map(|(start, pieces)| start.to_owned() + &pieces.concat())
}

static ALICE: LazyLock<CompactToken> = LazyLock::new(alice);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    /// Judged by another parser of addresses than the one in use, that of browsers (WHATWG), which reqwest uses too.
    #[test]
    fn no_origin_outside_of_the_list_ever_gets_the_header(address in address()) {
        let forwarder = TARGETS.iter().fold(Forwarder::builder().clock(Stopped), jwt_core::forward::ForwarderBuilder::target);
        let forwarder = forwarder.build().unwrap();
        let origin = |address: &str| reqwest::Url::parse(address).map(|url| url.origin());
        let is_target = |address: &str| {
            origin(address).is_ok_and(|found| TARGETS.iter().any(|target| origin(target).as_ref() == Ok(&found)))
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            if forwarder.headers(&ALICE, "GET", &*address).await.is_ok() {
                prop_assert!(is_target(&address), "{address:?}");
            }
            let Ok(uri) = address.parse::<Uri>() else { return Ok(()) };
            // Hands back what would have gone out.
            let echo = service_fn(async |request: Request<Body>| Ok::<_, ()>(Response::new(request)));
            let request = Request::get(uri).extension(ALICE.clone()).body(Body::default()).unwrap();
            if let Ok(sent) = ForwardToken::new(forwarder).layer(echo).oneshot(request).await {
                let sent = sent.into_body();
                prop_assert!(sent.headers()[AUTHORIZATION].is_sensitive());
                prop_assert!(is_target(&sent.uri().to_string()), "{address:?}");
            }
            Ok(())
        })?;
    }
}

// Bound tokens.

/// An authorization server that binds the new token to the key of the proof, and says what it has seen.
struct Binds {
    key: DpopKey,
    token_type: &'static str,
}

impl TokenExchange for Binds {
    fn exchange(&self, request: ExchangeRequest) -> Exchanging<'_> {
        Box::pin(async move {
            let proof = request.dpop_proof("https://login.example.com/token", Some("n"))?.unwrap();
            let claims = proof.split('.').nth(1).unwrap();
            let claims = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(claims).unwrap();
            let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
            assert_eq!((&claims["htm"], &claims["nonce"]), (&json!("POST"), &json!("n")));
            assert_eq!((&claims["htu"], &claims["ath"]), (&json!("https://login.example.com/token"), &json!(null)));
            let mut claims = good_claims();
            claims["cnf"] = json!({"jkt": self.key.thumbprint()});
            let answer = json!({
                "access_token": hs256(&claims), "token_type": self.token_type, "expires_in": 60,
                "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
            });
            ExchangedToken::from_answer(200, answer.to_string().as_bytes())
        })
    }
}

/// A token that is bound to a key of its client.
fn bound() -> CompactToken {
    let key = DpopKey::generate(Algorithm::ES256).unwrap();
    let mut claims = good_claims();
    claims["cnf"] = json!({"jkt": key.thumbprint()});
    let auth = builder().dangerous_allow_bound_tokens().build().unwrap();
    auth.verifier().verify(hs256(&claims)).unwrap().token()
}

fn bound_to(key: &DpopKey, address: SocketAddr, token_type: &'static str) -> Forwarder {
    let target = ForwardTarget::new(format!("http://{address}")).audience("invoices");
    let exchange = Binds { key: key.clone(), token_type };
    Forwarder::builder().target(target).exchange(exchange).dpop(key).clock(Stopped).build().unwrap()
}

#[tokio::test]
async fn a_bound_token_is_never_passed_on_as_it_is() {
    let invoices = Witness::new();
    let forwarder = to(invoices.address);
    let address = format!("http://{}/", invoices.address);
    let refused = forwarder.headers(&bound(), "GET", &*address).await;
    assert!(matches!(refused, Err(ForwardError::Bound)), "{refused:?}");
    let client = ForwardToken::new(forwarder.clone()).layer(hyper_client());
    let refused = client.oneshot(call(&address, Some(bound()))).await;
    assert!(matches!(refused, Err(ForwardingError::Forward(ForwardError::Bound))));
    let refused = jwt_actix::ForwardToken::new(forwarder).headers(&bound(), "GET", &address.parse().unwrap()).await;
    assert!(matches!(refused, Err(ForwardError::Bound)));
    assert_eq!(invoices.seen(), (0, 0));
}

#[tokio::test]
async fn an_exchanged_token_that_is_bound_goes_out_with_a_proof_of_its_own_each_time() {
    let key = DpopKey::generate(Algorithm::Ed25519).unwrap();
    for stack in STACKS {
        let invoices = stack.start(builder().require_dpop().build().unwrap());
        let forwarder = bound_to(&key, invoices.address, "DPoP");
        let address = format!("http://{}/me?unpaid", invoices.address);
        let client = ForwardToken::new(forwarder.clone()).layer(hyper_client());
        for _ in 0..3 {
            let answer = client.clone().oneshot(call(&address, Some(bound()))).await.unwrap();
            assert_eq!(answer.status(), StatusCode::OK, "{}", stack.name);
        }
        let fields = forwarder.headers(&bound(), "GET", &*address).await.unwrap();
        let printed = format!("{fields:?} {forwarder:?}");
        assert!(!printed.contains("eyJ"), "{printed}");
    }
}

#[tokio::test]
async fn a_service_that_demands_nonces_gets_them_from_the_second_call_on() {
    let key = DpopKey::generate(Algorithm::Ed25519).unwrap();
    let nonces = DpopNonces::new([7; 32]).unwrap();
    let invoices = STACKS[0].start(builder().dpop(Dpop::new().nonces(&nonces)).build().unwrap());
    let forwarder = bound_to(&key, invoices.address, "DPoP");
    let client = ForwardToken::new(forwarder.clone()).layer(hyper_client());
    let address = format!("http://{}/me", invoices.address);
    let mut statuses = Vec::new();
    for _ in 0..3 {
        let answer = client.clone().oneshot(call(&address, Some(bound()))).await.unwrap();
        forwarder.note_response(&address.parse().unwrap(), answer.headers());
        statuses.push(answer.status().as_u16());
    }
    assert_eq!(statuses, [401, 200, 200]);
}

#[tokio::test]
async fn an_exchange_that_does_not_bind_is_refused_where_it_should_and_the_other_way_round() {
    let key = DpopKey::generate(Algorithm::Ed25519).unwrap();
    let invoices = Witness::new();
    let address = format!("http://{}/", invoices.address);
    let refused = bound_to(&key, invoices.address, "Bearer").headers(&bound(), "GET", &*address).await;
    assert!(matches!(refused, Err(ForwardError::Exchange(ExchangeError::Binding))), "{refused:?}");
    // Nobody has asked for it.
    let token = ExchangedToken::new("t", None).bound();
    struct Unasked(ExchangedToken);
    impl TokenExchange for Unasked {
        fn exchange(&self, request: ExchangeRequest) -> Exchanging<'_> {
            assert!(request.dpop_proof("https://login.example.com/token", None).unwrap().is_none());
            Box::pin(std::future::ready(Ok(self.0.clone())))
        }
    }
    let target = ForwardTarget::new(format!("http://{}", invoices.address)).audience("invoices");
    let forwarder = Forwarder::builder().target(target).exchange(Unasked(token)).clock(Stopped).build().unwrap();
    let refused = forwarder.headers(&alice(), "GET", &*address).await;
    assert!(matches!(refused, Err(ForwardError::Exchange(ExchangeError::Binding))), "{refused:?}");
    let error = Forwarder::builder().target("https://a.example").dpop(&key).build().unwrap_err();
    assert_eq!(error, ForwarderBuildError::UnusedDpop);
}
