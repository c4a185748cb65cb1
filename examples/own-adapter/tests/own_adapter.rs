//! The adapter passes the acceptance suite, and renews logins, which that leaves out.
#![expect(clippy::needless_pass_by_value, reason = "Rocket passes values")]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use jwt_core::guard::Policy;
use jwt_core::testing::TestClock;
use jwt_core::testing::acceptance::{self, User};
use jwt_core::{Algorithm, Authenticator, Issuer, Logins, MemoryStore, RefreshTokens, SigningKey};
use own_adapter::{Claims, MaybeClaims, Token, protect, require};
use rocket::config::{Config, LogLevel};
use rocket::fairing::AdHoc;
use rocket::http::Header;
use rocket::local::asynchronous::Client;
use rocket::route::{BoxFuture, Outcome};
use rocket::{Data, Request, Response, Route, get, post, response, routes};

#[get("/me")]
fn me(user: Claims<User>) -> String {
    user.0.sub.clone()
}

#[post("/me")]
fn change_me(user: Claims<User>) -> String {
    user.0.sub.clone()
}

#[get("/maybe")]
fn maybe(user: MaybeClaims<User>) -> String {
    user.0.map_or_else(|| "nobody".to_owned(), |user| user.sub.clone())
}

#[get("/token")]
fn token(token: Token) -> String {
    token.0.as_str().to_owned()
}

struct Cached(String);

impl<'r> response::Responder<'r, 'static> for Cached {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        Response::build_from(self.0.respond_to(request)?)
            .raw_header("Cache-Control", "max-age=60")
            .raw_header("Vary", "Accept")
            .ok()
    }
}

#[get("/cached")]
fn cached(user: Claims<User>) -> Cached {
    Cached(user.0.sub.clone())
}

#[get("/elsewhere")]
fn elsewhere(_claims: Claims<()>) {}

#[get("/unprotected")]
fn unprotected(user: Claims<User>) -> String {
    user.0.sub.clone()
}

fn served<'r>(request: &'r Request<'_>, _: Data<'r>) -> BoxFuture<'r> {
    Box::pin(async move { Outcome::from(request, "served") })
}

fn guarded(path: &str, policy: Policy) -> Vec<Route> {
    require(policy, vec![Route::new(rocket::http::Method::Get, path, served)])
}

fn serve(auth: Authenticator<User>) -> SocketAddr {
    let (read, write) = (Policy::scope("read:things"), Policy::scope("write:things"));
    let mut routes = routes![me, change_me, maybe, token, cached, elsewhere];
    routes.extend(acceptance::guarded().into_iter().flat_map(|(path, policy)| guarded(path, policy)));
    routes.extend(require(read.clone(), guarded("/stacked", write)));
    let unprotected = [routes![unprotected], guarded("/unprotected-guard", read)].concat();

    let (listening, address) = mpsc::channel();
    let liftoff = AdHoc::on_liftoff("address", |rocket| {
        Box::pin(async move {
            let config = rocket.config();
            listening.send(SocketAddr::new(config.address, config.port)).expect("somebody waits for the address");
        })
    });
    let config = Config {
        address: Ipv4Addr::LOCALHOST.into(),
        port: 0,
        workers: 1,
        log_level: LogLevel::Off,
        ..Config::default()
    };
    std::thread::spawn(move || {
        let rocket = rocket::custom(config).mount("/", unprotected).attach(protect(auth, routes)).attach(liftoff);
        // It is over with the process.
        rocket::execute(async { drop(rocket.launch().await) });
    });
    address.recv().expect("Rocket listens")
}

#[test]
fn the_adapter_passes_the_acceptance_suite() {
    let cases = acceptance::run(serve).unwrap();
    assert!(cases > 300, "{cases}");
}

#[get("/nothing")]
fn nothing() -> Option<String> {
    None
}

#[rocket::async_test]
async fn a_login_that_has_run_out_is_renewed_also_where_a_catcher_answers() {
    for (path, status) in [("/me", 200), ("/nothing", 404)] {
        let clock = TestClock::new();
        let key = SigningKey::generate(Algorithm::EdDSA).unwrap();
        let issuer = Issuer::builder("https://issuer.example.com").audience("api").signing_key(key);
        let issuer = issuer.clock(clock.clone()).build().unwrap();
        let refresh_tokens = RefreshTokens::builder(Arc::new(MemoryStore::new())).clock(clock.clone()).build().unwrap();
        let logins = Logins::builder(issuer, refresh_tokens).transparent_renewal().build().unwrap();
        let attempt = logins.attempt(&http::Request::post("/").body(()).unwrap()).unwrap();
        let login = attempt.log_in(&serde_json::json!({"sub": "alice", "name": "Alice"})).await.unwrap();
        let cookies =
            login.headers().get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap().split(';').next());
        let cookies = cookies.flatten().collect::<Vec<_>>().join("; ");
        clock.advance(Duration::from_secs(3600));

        let auth = logins.authenticator::<User>().build().unwrap();
        let rocket = rocket::custom(Config { log_level: LogLevel::Off, ..Config::default() });
        let client = Client::untracked(rocket.attach(protect(auth, routes![me, nothing]))).await.unwrap();
        let response = client.get(path).header(Header::new("Cookie", cookies)).dispatch().await;
        let headers = response.headers();
        assert_eq!(response.status().code, status, "{path}");
        assert_eq!(headers.get("Cache-Control").collect::<Vec<_>>(), ["no-store"], "{path}");
        let renewed: Vec<&str> = headers.get("Set-Cookie").filter_map(|cookie| cookie.split('=').next()).collect();
        assert_eq!(renewed, ["__Host-access_token", "__Host-refresh_token"], "{path}");
    }
}
