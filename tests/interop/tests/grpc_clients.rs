//! Clients of gRPC in other languages call tonic: a service behind the layer and one behind a guard too, beside one that is
//! open, each with the layer that is its own.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;
use std::time::SystemTime;

use acceptance::{AUDIENCE, ISSUER, SECRET, User, hs256};
use interop_tests::Library;
use jwt_core::{Authenticator, KeySet};
use jwt_tower::{JwtAuth, Require};
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::body::Body;
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::service::LayerExt;
use tonic::transport::Server;
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

#[derive(Clone, PartialEq, prost::Message)]
struct Greeting {
    #[prost(string, tag = "1")]
    text: String,
}

/// What tonic-build would make: one service under several names.
#[derive(Clone)]
struct Greeter<N>(N);

#[derive(Clone)]
struct Protected;
#[derive(Clone)]
struct Guarded;
#[derive(Clone)]
struct Open;

impl NamedService for Greeter<Protected> {
    const NAME: &'static str = "example.Protected";
}

impl NamedService for Greeter<Guarded> {
    const NAME: &'static str = "example.Guarded";
}

impl NamedService for Greeter<Open> {
    const NAME: &'static str = "example.Open";
}

struct Hello;

impl UnaryService<()> for Hello {
    type Response = Greeting;
    type Future = Ready<Result<Response<Greeting>, Status>>;

    fn call(&mut self, request: Request<()>) -> Self::Future {
        let user = jwt_tower::claims::<User>(request.extensions()).ok().flatten();
        let name = user.as_ref().map_or("stranger", |user| &user.name);
        ready(Ok(Response::new(Greeting { text: format!("Hello, {name}!") })))
    }
}

impl<N> tower::Service<http::Request<Body>> for Greeter<N> {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move { Ok(Grpc::new(ProstCodec::<Greeting, ()>::default()).unary(Hello, request).await) })
    }
}

/// A server that runs for as long as the tests do.
fn start() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    listener.set_nonblocking(true).unwrap();
    thread::spawn(move || {
        let auth = Authenticator::<User>::builder().keys(KeySet::hs256(SECRET).unwrap());
        let auth = auth.issuer(ISSUER).audience(AUDIENCE).grpc().build().unwrap();
        let layer = || JwtAuth::new(auth.clone()).empty_body();
        let guard = Require::policy(|user: &User| user.name == "Bob");
        let server = Server::builder()
            .add_service(tower::ServiceBuilder::new().layer(layer()).named_layer(Greeter(Protected)))
            .add_service(tower::ServiceBuilder::new().layer(layer()).layer(guard).named_layer(Greeter(Guarded)))
            .add_service(Greeter(Open));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::from_std(listener).unwrap();
            server.serve_with_incoming(TcpListenerStream::new(listener)).await.unwrap();
        });
    });
    address
}

fn bearer(name: &str) -> String {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let claims = json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": name, "name": name, "iat": now, "exp": now + 600,
    });
    format!("Bearer {}", hs256(&claims))
}

#[derive(Debug, Deserialize)]
struct Got {
    code: i32,
    message: String,
    text: String,
    challenges: String,
}

#[test]
fn clients_of_grpc_are_served_and_read_why_they_are_refused() {
    for (library, name) in [(Library::Grpcio, "grpcio"), (Library::GrpcJs, "@grpc/grpc-js")] {
        if !outside::is_there(library.is_installed(), name, "tests/setup interop") {
            continue;
        }
        let address = start();
        let call = |service: &str, authorization: Option<&str>| json!({"method": format!("/example.{service}/Hello"), "authorization": authorization});
        let (alice, bob) = (bearer("Alice"), bearer("Bob"));
        let mut forged = alice.clone();
        forged.truncate(forged.len() - 9);
        forged.push_str("AAAAAAAAA");
        let calls = json!([
            call("Protected", Some(&alice)),
            call("Protected", None),
            call("Protected", Some(&forged)),
            call("Guarded", Some(&bob)),
            call("Guarded", Some(&alice)),
            call("Guarded", None),
            call("Open", None),
            call("Open", Some(&forged)),
        ]);
        let output = library.command().args([address.to_string(), calls.to_string()]).output().unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        let got: Vec<Got> = serde_json::from_slice(&output.stdout).unwrap();

        let texts: Vec<_> = got.iter().map(|got| &*got.text).collect();
        let hello = ["Hello, Alice!", "", "", "Hello, Bob!", "", "", "Hello, stranger!", "Hello, stranger!"];
        assert_eq!(texts, hello, "{name}: {got:?}");
        // UNAUTHENTICATED and PERMISSION_DENIED.
        let codes: Vec<_> = got.iter().map(|got| got.code).collect();
        assert_eq!(codes, [0, 16, 16, 0, 7, 16, 0, 0], "{name}: {got:?}");
        for (index, message, challenge) in [
            (1, "A valid access token is needed.", "Bearer"),
            (2, "A valid access token is needed.", "Bearer error=\"invalid_token\""),
            (4, "This is not allowed.", "Bearer error=\"insufficient_scope\""),
            (5, "A valid access token is needed.", "Bearer"),
        ] {
            assert_eq!(got[index].message, message, "{name}: {got:?}");
            // Each scheme has a challenge of its own.
            assert!(got[index].challenges.starts_with(&format!("{challenge}, DPoP algs=")), "{name}: {got:?}");
        }
    }
}
