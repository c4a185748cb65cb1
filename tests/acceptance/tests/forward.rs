//! Tokens are passed on to the services that are named, by real clients over real connections, and to nobody else.

mod bound;
mod exchange;
mod targets;

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use acceptance::{NOW, STACKS, Server, Stopped, builder, good_claims, hs256, request as head, shows_token};
use axum::Router;
use axum::routing::get;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use jwt_core::CompactToken;
use jwt_core::forward::{ForwardError, ForwardTarget, Forwarder};
use jwt_tower::{ForwardToken, ForwardingError, JwtAuth, Token};
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
    assert!(!shows_token(&printed), "{printed}");
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
