use std::net::TcpListener;
use std::time::Duration;

use jwt_core::error::{Denial, Unavailable};
use jwt_core::guard::{AuthorizationDetail, Grants, RealmAccess, ResourceAccess};
use jwt_core::{AuthError, Authenticator, AuthenticatorBuilder, Scopes};
use serde::{Deserialize, Serialize};

use crate::log;
use crate::stacks::{Server, runtime, tokio_listener};

/// Claims that allow something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Whom the token is about.
    pub sub: String,
    /// Scopes, as most issuers have them.
    #[serde(default)]
    pub scope: Scopes,
    /// Scopes, as some issuers have them.
    #[serde(default)]
    pub permissions: Scopes,
    /// Roles of the realm.
    #[serde(default)]
    pub realm_access: RealmAccess,
    /// Roles of clients.
    #[serde(default)]
    pub resource_access: ResourceAccess,
    /// What a policy asks for.
    #[serde(default)]
    pub age: u32,
}

/// Claims that no authenticator here yields.
#[derive(Debug, Deserialize)]
struct Stranger;

/// The reason of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is too young")]
pub struct TooYoung(pub u32);

fn grown_up(member: &Member) -> Result<(), TooYoung> {
    if member.age >= 18 { Ok(()) } else { Err(TooYoung(member.age)) }
}

/// Waits, as for a database, and then decides.
async fn listed(sub: String) -> Result<(), AuthError> {
    tokio::task::yield_now().await;
    match &*sub {
        "alice" => Ok(()),
        _ => Err(Denial::because(NotListed).into()),
    }
}

const FIVE_MINUTES: Duration = Duration::from_secs(300);

/// What a guard asks of `authorization_details`.
fn balances() -> AuthorizationDetail {
    let accounts = AuthorizationDetail::of_type("account_information").location("https://api.example.com/accounts");
    accounts.action("list_accounts").action("read_balances")
}

/// The database is down.
fn down() -> Result<(), AuthError> {
    Err(Unavailable::Policy { retry_after: Duration::from_secs(5) }.into())
}

#[derive(Debug, thiserror::Error)]
#[error("not on the list")]
struct NotListed;

/// The authenticator that most tests of guards start from: it knows where scopes and roles are.
pub fn member_builder() -> AuthenticatorBuilder<Member> {
    plain_member_builder()
        .scopes(|member| &member.scope)
        .scopes(|member| &member.permissions)
        .roles(|member| &member.realm_access)
        .roles(|member| member.resource_access.of("shop"))
}

/// The same before it was told where scopes and roles are.
///
/// # Panics
/// Where the fixed secret is refused.
pub fn plain_member_builder() -> AuthenticatorBuilder<Member> {
    let keys = jwt_core::KeySet::hs256(crate::SECRET).expect("the secret is long enough");
    let builder = Authenticator::builder().keys(keys).issuer(crate::ISSUER).audience(crate::AUDIENCE);
    let builder = builder.clock(crate::Stopped);
    #[cfg(feature = "cache")]
    let builder = builder.cache(jwt_core::TokenCache::new());
    builder
}

/// A guard behind each path, in the words of each adapter.
macro_rules! guards {
    () => {
        [
            ("/read", Require::scope("read:things")),
            ("/all", Require::all_scopes(["read:things", "write:things"])),
            ("/any", Require::any_scope(["read:things", "write:things"])),
            ("/admin", Require::role("admin")),
            ("/grown-up", Require::policy(grown_up)),
            ("/yes", Require::policy(|_: &Member| true)),
            ("/no", Require::policy(|_: &Member| false)),
            ("/some", Require::policy(|member: &Member| (member.age >= 18).then_some(()))),
            ("/both-scopes", Require::scope("read:things").and(Require::scope("write:things"))),
            ("/and", Require::scope("read:things").and(Require::role("admin"))),
            ("/or", Require::role("admin").or(Require::scope("write:things"))),
            ("/listed", Require::policy_async(|member: VerifiedToken<Member>| listed(member.sub.clone()))),
            (
                "/listed-and",
                Require::scope("read:things").and(Require::policy_async(|_: VerifiedToken<Member>| async { true })),
            ),
            (
                "/listed-or",
                Require::policy_async(|_: VerifiedToken<Member>| async { false }).or(Require::role("admin")),
            ),
            ("/down", Require::policy_async(|_: VerifiedToken<Member>| async { down() })),
            ("/down-or", Require::policy_async(|_: VerifiedToken<Member>| async { down() }).or(Require::role("admin"))),
            ("/gold", Require::acr("gold")),
            ("/gold-or-silver", Require::any_acr(["gold", "silver"])),
            ("/recent", Require::authenticated_within(FIVE_MINUTES)),
            ("/gold-recent", Require::acr("gold").and(Require::authenticated_within(FIVE_MINUTES))),
            (
                "/read-gold-recent",
                Require::scope("read:things")
                    .and(Require::acr("gold"))
                    .and(Require::authenticated_within(FIVE_MINUTES))
                    .and(Require::policy_async(|_: VerifiedToken<Member>| async { true })),
            ),
            ("/admin-or-gold", Require::role("admin").or(Require::acr("gold"))),
            ("/balances", Require::authorization_detail(balances())),
            ("/bound", Require::bound()),
            ("/no-acr", Require::acr("the best")),
            ("/two-acrs", Require::acr("gold").and(Require::acr("silver"))),
            ("/no-type", Require::authorization_detail(AuthorizationDetail::of_type(""))),
            ("/no-scope", Require::scope("read things")),
            ("/nothing", Require::all_scopes(Vec::<String>::new())),
            ("/stranger", Require::policy(|_: &Stranger| true)),
            ("/rights", Require::policy(|member: &Member| member.scope.grants("read:things"))),
        ]
    };
}

/// The stacks with guards. Each answers `served` where the guard of a path allows it, and has two paths more:
///
/// | path | guards |
/// |---|---|
/// | `/open` | none, inside of the layer |
/// | `/stacked` | `read:things` for the group, `write:things` for the route |
/// | `/claims` | none, and a handler that asks for claims |
/// | `/unprotected` | a guard without the layer |
pub const GUARDED: [GuardedStack; 3] = [
    GuardedStack { name: "axum", serve: on_axum },
    GuardedStack { name: "hyper", serve: on_hyper },
    GuardedStack { name: "actix", serve: on_actix },
];

/// A framework with its adapter, and guards.
#[derive(Debug, Clone, Copy)]
pub struct GuardedStack {
    /// What to call it in the message of a failed test.
    pub name: &'static str,
    serve: fn(TcpListener, Authenticator<Member>),
}

impl GuardedStack {
    /// Starts a server.
    ///
    /// # Panics
    /// Where no port is free.
    pub fn start(self, authenticator: Authenticator<Member>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("a bound listener has an address");
        log::spawn(move || (self.serve)(listener, authenticator));
        Server { stack: self.name, address }
    }
}

fn on_axum(listener: TcpListener, authenticator: Authenticator<Member>) {
    use axum::Router;
    use axum::routing::get;
    use jwt_tower::{Claims, JwtAuth, Require, VerifiedToken};

    async fn served() -> &'static str {
        "served"
    }
    async fn claims(Claims(_): Claims<Member>) -> &'static str {
        "served"
    }

    let group = Router::new()
        .route("/stacked", get(served).route_layer(Require::scope("write:things")))
        .route_layer(Require::scope("read:things"));
    let mut app = Router::new().route("/open", get(served)).route("/claims", get(claims)).merge(group);
    for (path, guard) in guards!() {
        app = app.route(path, get(served).post(served).route_layer(guard));
    }
    let app = app
        .layer(JwtAuth::new(authenticator))
        .route("/unprotected", get(served).route_layer(Require::scope("read:things")));
    runtime().block_on(async { axum::serve(tokio_listener(listener), app).await.expect("axum serves") });
}

fn on_hyper(listener: TcpListener, authenticator: Authenticator<Member>) {
    use std::convert::Infallible;

    use http::{Request, Response};
    use http_body_util::Full;
    use hyper::body::{Bytes, Incoming};
    use hyper_util::rt::TokioIo;
    use hyper_util::service::TowerToHyperService;
    use jwt_tower::{JwtAuth, Require, VerifiedToken};
    use tower::{Layer, ServiceExt, service_fn};

    type Answer = Result<Response<Full<Bytes>>, Infallible>;

    async fn served(_: Request<Incoming>) -> Answer {
        Ok(Response::new("served".into()))
    }

    /// Extractors are axum's; here a handler asks for the claims and answers by itself.
    fn claims(request: &Request<Incoming>) -> Result<Response<Full<Bytes>>, jwt_tower::adapter::Rejection> {
        let claims = jwt_tower::adapter::Admission::claims::<Member>(request.extensions().get());
        claims.map(|_| Response::new("served".into()))
    }

    async fn guarded(request: Request<Incoming>) -> Answer {
        let served = service_fn(served);
        let stacked = (Require::scope("read:things"), Require::scope("write:things"));
        let path = request.uri().path().to_owned();
        match &*path {
            "/stacked" => stacked.layer(served).oneshot(request).await,
            "/claims" => Ok(claims(&request).unwrap_or_else(|rejection| rejection.answer.response().map(Full::from))),
            _ => match guards!().into_iter().find(|(guarded, _)| *guarded == path) {
                Some((_, guard)) => guard.layer(served).oneshot(request).await,
                None => served.oneshot(request).await,
            },
        }
    }

    let protected = JwtAuth::new(authenticator).layer(service_fn(guarded));
    let app = service_fn(move |request: Request<Incoming>| {
        let protected = protected.clone();
        async move {
            match request.uri().path() {
                "/unprotected" => Require::scope("read:things").layer(service_fn(served)).oneshot(request).await,
                _ => protected.oneshot(request).await,
            }
        }
    });
    runtime().block_on(async move {
        let listener = tokio_listener(listener);
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(app.clone());
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
}

fn on_actix(listener: TcpListener, authenticator: Authenticator<Member>) {
    use actix_web::{App, HttpServer, web};
    use jwt_actix::{Claims, JwtAuth, Require, VerifiedToken};

    async fn served() -> &'static str {
        "served"
    }
    async fn claims(Claims(_): Claims<Member>) -> &'static str {
        "served"
    }

    let log = log::inherited();
    let server = HttpServer::new(move || {
        // A thread of actix starts here.
        log::inherit(log.clone());
        let unprotected = web::resource("/unprotected").wrap(Require::scope("read:things")).to(served);
        let mut protected = web::scope("").wrap(JwtAuth::new(authenticator.clone()));
        for (path, guard) in guards!() {
            protected = protected.service(web::resource(path).wrap(guard).to(served));
        }
        let stacked = web::resource("/stacked").wrap(Require::scope("write:things")).to(served);
        let protected = protected
            .route("/open", web::get().to(served))
            .route("/claims", web::get().to(claims))
            .service(web::scope("").wrap(Require::scope("read:things")).service(stacked));
        App::new().service(unprotected).service(protected)
    });
    let server = server.workers(1).disable_signals().listen(listener).expect("actix listens").run();
    actix_web::rt::System::new().block_on(server).expect("actix serves");
}
