//! A protected gRPC service on tonic, and a client that calls it: with a token, and without.
//!
//! `cargo run -p grpc`

use std::error::Error;
use std::time::{Duration, SystemTime};

use jwt_tower::{Algorithm, Authenticator, JwtAuth, KeySet, SigningKey};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, Server};
use tonic::{Request, Response, Status};

use generated::greeter_client::GreeterClient;
use generated::greeter_server::{Greeter, GreeterServer};

mod generated {
    #![allow(clippy::pedantic, missing_docs, unreachable_pub, unused_qualifications, reason = "made by tonic-build")]
    include!(concat!(env!("OUT_DIR"), "/example.Greeter.rs"));
}

/// A request without a field: whom to greet is in the token.
#[derive(Clone, PartialEq, prost::Message)]
struct Hello {}

#[derive(Clone, PartialEq, prost::Message)]
struct Greeting {
    #[prost(string, tag = "1")]
    text: String,
}

#[derive(serde::Deserialize)]
struct User {
    name: String,
}

struct Service;

#[tonic::async_trait]
impl Greeter for Service {
    async fn hello(&self, request: Request<Hello>) -> Result<Response<Greeting>, Status> {
        let user = jwt_tower::claims::<User>(request.extensions()).map_err(|rejection| status(&rejection))?;
        let name = user.as_ref().map_or("stranger", |user| &user.name);
        Ok(Response::new(Greeting { text: format!("Hello, {name}!") }))
    }
}

/// Without `JwtAuth` in front there are no claims: `INTERNAL`, and the fix is in the log.
fn status(rejection: &jwt_tower::adapter::Rejection) -> Status {
    let status = rejection.answer.grpc_status();
    Status::new(status.code().into(), status.message())
}

const USAGE: &str = "\
A protected gRPC service on tonic, and a client that calls it: with a token, and without. It ends by itself.

usage: cargo run -p grpc
";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    command_line::arguments(USAGE, 0);
    // The reason of every rejection is in the log.
    tracing_subscriber::fmt().init();

    // A secret for this run. A real service reads it from its configuration.
    let mut secret = [0; 32];
    getrandom::fill(&mut secret)?;

    let auth = Authenticator::<User>::builder().keys(KeySet::hs256(secret)?).audience("grpc").grpc().build()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}", listener.local_addr()?);
    tokio::spawn(serve(listener, auth));

    let in_an_hour = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)? + Duration::from_secs(3600);
    let claims = serde_json::json!({"name": "Alice", "aud": "grpc", "exp": in_an_hour.as_secs()});
    let token = SigningKey::secret(Algorithm::HS256, secret)?.sign(&claims)?;

    let channel = Channel::from_shared(address)?.connect().await?;
    println!("with a token:    {:?}", hello(&channel, Some(&token)).await?);
    println!("without a token: {:?}", hello(&channel, None).await?);
    Ok(())
}

async fn serve(listener: TcpListener, auth: Authenticator<User>) -> Result<(), tonic::transport::Error> {
    Server::builder()
        // The bodies of tonic cannot be made out of a text. Those of gRPC are empty anyway where a request is refused.
        .layer(JwtAuth::new(auth).empty_body())
        .add_service(GreeterServer::new(Service))
        .serve_with_incoming(TcpListenerStream::new(listener))
        .await
}

/// Calls the service, with that token in the metadata, which are the header fields of gRPC. The inner result is what
/// the service said.
async fn hello(channel: &Channel, token: Option<&str>) -> Result<Result<String, Status>, Box<dyn Error>> {
    let mut request = Request::new(Hello {});
    if let Some(token) = token {
        request.metadata_mut().insert("authorization", MetadataValue::try_from(format!("Bearer {token}"))?);
    }
    let greeting = GreeterClient::new(channel.clone()).hello(request).await;
    Ok(greeting.map(|greeting| greeting.into_inner().text))
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use jwt_tower::error::Unavailable;
    use jwt_tower::forward::{ForwardError, Forwarder};
    use jwt_tower::testing::{TestIssuer, TestToken};
    use jwt_tower::{AuthError, CompactToken, ForwardToken, ForwardingError, Require, VerifiedToken};
    use tonic::Code;
    use tonic::body::Body;
    use tower::{Layer, ServiceExt};

    use super::*;

    async fn connect(auth: Authenticator<User>) -> Channel {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(serve(listener, auth));
        Channel::from_shared(address).unwrap().connect().await.unwrap()
    }

    /// The same service behind a guard.
    async fn connect_guarded(auth: Authenticator<User>, guard: Require) -> Channel {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let server = Server::builder()
            .layer(JwtAuth::new(auth).empty_body())
            .layer(guard)
            .add_service(GreeterServer::new(Service))
            .serve_with_incoming(TcpListenerStream::new(listener));
        tokio::spawn(server);
        Channel::from_shared(address).unwrap().connect().await.unwrap()
    }

    fn alice(issuer: &TestIssuer) -> TestToken {
        issuer.token("alice").claim("name", "Alice")
    }

    #[tokio::test]
    async fn claims_reach_the_service_through_the_extensions_of_the_request() {
        let issuer = TestIssuer::new();
        let channel = connect(issuer.builder().grpc().build().unwrap()).await;
        let greeting = hello(&channel, Some(&alice(&issuer).compact())).await.unwrap();
        assert_eq!(greeting.unwrap(), "Hello, Alice!");
    }

    #[tokio::test]
    async fn who_may_not_come_in_is_unauthenticated_in_fixed_words() {
        let issuer = TestIssuer::new();
        let channel = connect(issuer.builder().grpc().build().unwrap()).await;
        for (token, challenge) in [
            (None, "Bearer"),
            (Some(alice(&issuer).expired().compact()), "Bearer error=\"invalid_token\""),
            (Some(alice(&issuer).signed_by_a_stranger().compact()), "Bearer error=\"invalid_token\""),
            (Some("a, b".to_owned()), "Bearer error=\"invalid_request\""),
        ] {
            let status = hello(&channel, token.as_deref()).await.unwrap().unwrap_err();
            assert_eq!((status.code(), status.message()), (Code::Unauthenticated, "A valid access token is needed."));
            assert_eq!(status.metadata().get("www-authenticate").unwrap(), challenge);
            // The connection is good for the next call.
            let token = alice(&issuer).compact();
            assert!(hello(&channel, Some(&token)).await.unwrap().is_ok());
        }
    }

    #[tokio::test]
    async fn whom_a_guard_refuses_is_denied_and_keeps_the_connection() {
        let issuer = TestIssuer::new();
        let guard = Require::policy(|user: &User| user.name != "Alice");
        let channel = connect_guarded(issuer.builder().grpc().build().unwrap(), guard).await;
        let status = hello(&channel, Some(&alice(&issuer).compact())).await.unwrap().unwrap_err();
        assert_eq!(status.code(), Code::PermissionDenied);
        assert_eq!(status.metadata().get("www-authenticate").unwrap(), "Bearer error=\"insufficient_scope\"");
        let bob = issuer.token("bob").claim("name", "Bob").compact();
        assert_eq!(hello(&channel, Some(&bob)).await.unwrap().unwrap(), "Hello, Bob!");
        assert_eq!(hello(&channel, None).await.unwrap().unwrap_err().code(), Code::Unauthenticated);
    }

    #[tokio::test]
    async fn what_cannot_be_decided_now_is_unavailable() {
        let issuer = TestIssuer::new();
        let guard = Require::policy_async(|_: VerifiedToken<User>| async {
            Err::<(), _>(AuthError::from(Unavailable::Policy { retry_after: Duration::from_secs(7) }))
        });
        let channel = connect_guarded(issuer.builder().grpc().build().unwrap(), guard).await;
        let status = hello(&channel, Some(&alice(&issuer).compact())).await.unwrap().unwrap_err();
        assert_eq!(status.code(), Code::Unavailable);
        assert_eq!(status.metadata().get("retry-after").unwrap(), "7");
    }

    #[tokio::test]
    async fn anonymous_callers_are_strangers_where_they_are_welcome() {
        let issuer = TestIssuer::new();
        let channel = connect(issuer.builder().optional().grpc().build().unwrap()).await;
        assert_eq!(hello(&channel, None).await.unwrap().unwrap(), "Hello, stranger!");
        let expired = alice(&issuer).expired().compact();
        assert_eq!(hello(&channel, Some(&expired)).await.unwrap().unwrap_err().code(), Code::Unauthenticated);
    }

    #[tokio::test]
    async fn a_missing_layer_is_internal() {
        let error = Service.hello(Request::new(Hello {})).await.unwrap_err();
        assert_eq!((error.code(), error.message()), (Code::Internal, "Internal error."));
    }

    #[tokio::test]
    async fn a_call_in_the_name_of_the_user_takes_the_token_to_a_target_and_nowhere_else() {
        let issuer = TestIssuer::new();
        let channel = connect(issuer.builder().grpc().build().unwrap()).await;
        let verifier = issuer.builder::<User>().build_verifier().unwrap();
        let token = verifier.verify(alice(&issuer).compact()).unwrap().token();
        let forwarder = Forwarder::builder().target("https://greeter.example.com").build().unwrap();
        let forwarding = ForwardToken::new(forwarder).layer(channel);
        let call = |token: Option<&CompactToken>, origin: http::Uri| {
            let mut client = GreeterClient::with_origin(forwarding.clone(), origin);
            let mut request = Request::new(Hello {});
            token.map(|token| request.extensions_mut().insert(token.clone()));
            async move { client.hello(request).await.map(|greeting| greeting.into_inner().text) }
        };
        let target = http::Uri::from_static("https://greeter.example.com");
        assert_eq!(call(Some(&token), target.clone()).await.unwrap(), "Hello, Alice!");
        assert_eq!(call(None, target).await.unwrap_err().code(), Code::Unauthenticated);
        // Another service, and one that is not named at all.
        for origin in [http::Uri::from_static("https://other.example.com"), http::Uri::default()] {
            let error = call(Some(&token), origin).await.unwrap_err();
            let source =
                error.source().and_then(|error| error.downcast_ref::<ForwardingError<tonic::transport::Error>>());
            assert!(matches!(source, Some(ForwardingError::Forward(ForwardError::NotATarget))), "{error:?}");
        }
    }

    #[tokio::test]
    async fn each_protocol_is_answered_in_its_own_terms() {
        let auth = TestIssuer::new().builder::<User>().grpc().build().unwrap();
        let service = JwtAuth::new(auth).empty_body().layer(GreeterServer::new(Service));
        for (sent, status, received) in [
            ("application/grpc", 200, Some("application/grpc")),
            ("application/grpc-web", 200, Some("application/grpc-web+proto")),
            ("application/grpc-web-text", 200, Some("application/grpc-web-text+proto")),
            ("application/json", 401, None),
        ] {
            let request = http::Request::post("/example.Greeter/Hello").version(http::Version::HTTP_2);
            let request = request.header("content-type", sent);
            let response = service.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
            let header = |name| response.headers().get(name).map(|value| value.to_str().unwrap());
            assert_eq!((response.status().as_u16(), header("content-type")), (status, received), "{sent}");
            assert_eq!(header("grpc-status"), (status == 200).then_some("16"), "{sent}");
            assert_eq!(header("www-authenticate"), Some("Bearer"), "{sent}");
            assert!(response.into_body().collect().await.unwrap().to_bytes().is_empty(), "{sent}");
        }
    }
}
