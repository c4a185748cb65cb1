//! Logins that are bound to a key of their client (RFC 9449 §5), over TCP on every stack: who else has the tokens gets
//! nothing, and ends nothing.

use std::sync::Arc;
use std::time::Duration;

use acceptance::{AUDIENCE, Connection, ISSUER, Log, ROUTED, Reply, Server, User, request_to, shows_token};
use jwt_core::binding::{Dpop, DpopKey, DpopNonces};
use jwt_core::clock::Clock;
use jwt_core::error::{AuthError, AuthenticatorBuildError, ProofError, TokenError};
use jwt_core::issue::IssueError;
use jwt_core::login::{Login, LoginsBuildError, LoginsBuilder};
use jwt_core::testing::{TestClock, TestIssuer};
use jwt_core::{
    Algorithm, Authenticator, Issuer, LoginCookies, LoginError, Logins, MemoryStore, RefreshTokens, SigningKey,
};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

const ORIGIN: &str = "https://auth.example.com";

/// Logins, the clock that they go by, and two keys: of the client, and of somebody else.
struct Place {
    runtime: Runtime,
    log: Log,
    clock: TestClock,
    logins: Logins,
    key: DpopKey,
    other: DpopKey,
}

/// What a client has: its two tokens.
struct Tokens {
    access: String,
    refresh: String,
}

impl Place {
    fn with(configure: impl FnOnce(LoginsBuilder) -> LoginsBuilder) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let clock = TestClock::new();
        let logins = configure(builder(&clock).public_origin(ORIGIN)).build().unwrap();
        let key = || DpopKey::generate(Algorithm::ES256).unwrap();
        Self { runtime, log: Log::here(), clock, logins, key: key(), other: key() }
    }

    /// A proof for a request to the token endpoint.
    fn proof(&self, key: &DpopKey, path: &str) -> String {
        key.proof("POST", &[ORIGIN, path].concat()).issued_at(self.clock.now()).sign().unwrap()
    }

    fn log_in(&self, server: &Server) -> Tokens {
        let reply = send(server, "POST", "/api/login", &[("DPoP", &self.proof(&self.key, "/api/login"))], "");
        bound_tokens(server, &reply)
    }

    fn refresh(&self, server: &Server, token: &str, key: Option<&DpopKey>) -> Reply {
        let proof = key.map(|key| self.proof(key, "/auth/refresh"));
        let mut fields = vec![("Content-Type", "application/json")];
        fields.extend(proof.iter().map(|proof| ("DPoP", &**proof)));
        send(server, "POST", "/auth/refresh", &fields, &json!({"refresh_token": token}).to_string())
    }

    /// A GET request with an access token under that scheme, and a proof by that key.
    fn get(&self, server: &Server, path: &str, scheme: &str, token: &str, key: Option<&DpopKey>) -> Reply {
        let url = [ORIGIN, path].concat();
        let proof = key.map(|key| key.proof("GET", &url).for_token(token).issued_at(self.clock.now()).sign().unwrap());
        let authorization = format!("{scheme} {token}");
        let mut fields = vec![("Authorization", &*authorization)];
        fields.extend(proof.iter().map(|proof| ("DPoP", &**proof)));
        send(server, "GET", path, &fields, "")
    }

    /// How many logins Alice has.
    fn logins(&self) -> usize {
        self.runtime.block_on(self.logins.refresh_tokens().list("alice")).unwrap().len()
    }

    /// A login without a request, so without a key.
    fn unbound(&self) -> Login {
        let user = User { sub: "alice".into(), name: "Alice".into() };
        self.runtime.block_on(self.logins.log_in(&user, "")).unwrap()
    }
}

fn builder(clock: &TestClock) -> LoginsBuilder {
    let key = SigningKey::generate(Algorithm::EdDSA).unwrap();
    let issuer = Issuer::builder(ISSUER).audience(AUDIENCE).signing_key(key).clock(clock.clone()).build().unwrap();
    let refresh = RefreshTokens::builder(Arc::new(MemoryStore::new())).clock(clock.clone()).build().unwrap();
    Logins::builder(issuer, refresh)
}

fn everywhere(configure: impl Fn(LoginsBuilder) -> LoginsBuilder, test: impl Fn(&Server, &Place)) {
    for stack in ROUTED {
        let place = Place::with(&configure);
        test(&stack.start(place.logins.clone()), &place);
    }
}

fn send(server: &Server, method: &str, target: &str, fields: &[(&str, &str)], body: &str) -> Reply {
    let length = body.len().to_string();
    let mut fields = fields.to_vec();
    if method != "GET" {
        fields.push(("Content-Length", &length));
    }
    let request = [&*request_to("localhost", method, target, &fields), body.as_bytes()].concat();
    Connection::open(server.address).send(&request)
}

fn tokens(server: &Server, reply: &Reply, token_type: &str) -> Tokens {
    assert_eq!(reply.status, 200, "{}: {reply:?}", server.stack);
    let body: Value = serde_json::from_str(&reply.body).unwrap();
    assert_eq!(body["token_type"], token_type, "{}: {reply:?}", server.stack);
    let token = |name: &str| body[name].as_str().unwrap().to_owned();
    Tokens { access: token("access_token"), refresh: token("refresh_token") }
}

fn bound_tokens(server: &Server, reply: &Reply) -> Tokens {
    tokens(server, reply, "DPoP")
}

#[track_caller]
fn assert_refused(server: &Server, reply: &Reply, status: u16, error: &str) {
    let expected = json!({"error": error}).to_string();
    assert_eq!((reply.status, &*reply.body), (status, &*expected), "{}: {reply:?}", server.stack);
    assert_eq!(reply.header("cache-control"), Some("no-store"), "{}: {reply:?}", server.stack);
    assert!(reply.header("set-cookie").is_none(), "{}: nothing has ended: {reply:?}", server.stack);
}

#[test]
fn a_login_with_a_proof_yields_tokens_that_are_of_no_use_without_the_key() {
    everywhere(
        |builder| builder,
        |server, place| {
            let name = server.stack;
            let Tokens { access, .. } = place.log_in(server);
            let good = place.get(server, "/me", "DPoP", &access, Some(&place.key));
            assert_eq!((good.status, &*good.body), (200, r#"{"sub":"alice","name":"Alice"}"#), "{name}: {good:?}");
            let devices = place.get(server, "/auth/devices", "DPoP", &access, Some(&place.key));
            assert_eq!((devices.status, devices.body.matches("\"id\"").count()), (200, 1), "{name}: {devices:?}");

            // What whoever has copied it can try.
            for (scheme, key) in
                [("Bearer", None), ("Bearer", Some(&place.other)), ("DPoP", None), ("DPoP", Some(&place.other))]
            {
                for path in ["/me", "/auth/devices"] {
                    let reply = place.get(server, path, scheme, &access, key);
                    assert_eq!(reply.status, 401, "{name}: {scheme} {}: {reply:?}", key.is_some());
                }
            }
            let cookie = format!("__Host-access_token={access}");
            assert_eq!(send(server, "GET", "/me", &[("Cookie", &cookie)], "").status, 401, "{name}");
            let good = place.get(server, "/me", "DPoP", &access, Some(&place.key));
            assert_eq!(good.status, 200, "{name}: {good:?}");

            // Without a proof, everything is as before.
            let Tokens { access, .. } = tokens(server, &send(server, "POST", "/api/login", &[], ""), "Bearer");
            assert_eq!(place.get(server, "/me", "Bearer", &access, None).status, 200, "{name}");
        },
    );
}

#[test]
fn a_refresh_without_the_key_gets_nothing_and_ends_nothing() {
    everywhere(
        |builder| builder,
        |server, place| {
            let name = server.stack;
            let first = place.log_in(server);
            place.log.take();
            assert_refused(server, &place.refresh(server, &first.refresh, None), 400, "invalid_dpop_proof");
            let others = place.refresh(server, &first.refresh, Some(&place.other));
            assert_refused(server, &others, 400, "invalid_grant");
            let log = place.log.take();
            assert!(log.contains("has a refresh token and not its key") && log.contains("WARN"), "{name}: {log}");
            assert!(!shows_token(&log), "{name}: {log}");

            let second = bound_tokens(server, &place.refresh(server, &first.refresh, Some(&place.key)));
            assert_ne!(first.refresh, second.refresh, "{name}");
            let good = place.get(server, "/me", "DPoP", &second.access, Some(&place.key));
            assert_eq!(good.status, 200, "{name}: {good:?}");
            assert_eq!(place.get(server, "/me", "Bearer", &second.access, None).status, 401, "{name}");
            let third = bound_tokens(server, &place.refresh(server, &second.refresh, Some(&place.key)));

            // A copy of a token that was used long ago would end an unbound login.
            place.clock.advance(Duration::from_secs(60));
            assert_refused(server, &place.refresh(server, &first.refresh, None), 400, "invalid_dpop_proof");
            let others = place.refresh(server, &first.refresh, Some(&place.other));
            assert_refused(server, &others, 400, "invalid_grant");
            assert_eq!(place.logins(), 1, "{name}");
            let fourth = bound_tokens(server, &place.refresh(server, &third.refresh, Some(&place.key)));
            // Whoever has the key as well ends it.
            let reused = place.refresh(server, &first.refresh, Some(&place.key));
            assert_eq!((reused.status, place.logins()), (400, 0), "{name}: {reused:?}");
            let ended = place.refresh(server, &fourth.refresh, Some(&place.key));
            assert_refused(server, &ended, 400, "invalid_grant");
        },
    );
}

#[test]
fn a_proof_at_the_token_endpoint_is_good_once_and_for_that_address_alone() {
    everywhere(
        |builder| builder,
        |server, place| {
            let proof = place.proof(&place.key, "/api/login");
            let log_in = |proof: &str| send(server, "POST", "/api/login", &[("DPoP", proof)], "");
            let first = bound_tokens(server, &log_in(&proof));
            assert_refused(server, &log_in(&proof), 400, "invalid_dpop_proof");

            let fields = |proof| [("Content-Type", "application/json"), ("DPoP", proof)];
            let proof = place.proof(&place.key, "/auth/refresh");
            let body = |tokens: &Tokens| json!({"refresh_token": tokens.refresh}).to_string();
            let reply = send(server, "POST", "/auth/refresh", &fields(&proof), &body(&first));
            let second = bound_tokens(server, &reply);
            let again = send(server, "POST", "/auth/refresh", &fields(&proof), &body(&second));
            assert_refused(server, &again, 400, "invalid_dpop_proof");

            let now = place.clock.now();
            let sign = |method, url: &str| place.key.proof(method, url).issued_at(now).sign().unwrap();
            let elsewhere = "https://elsewhere.example.com/api/login";
            let old = place.proof(&place.key, "/api/login");
            for (what, proof) in [
                ("another address", sign("POST", elsewhere)),
                ("another path", place.proof(&place.key, "/auth/refresh")),
                ("another method", sign("GET", &[ORIGIN, "/api/login"].concat())),
                ("no proof at all", "eyJ".to_owned()),
                ("an access token", second.access.clone()),
                ("a changed signature", [&old[..old.len() - 8], "AAAAAAAA"].concat()),
            ] {
                place.log.take();
                assert_refused(server, &log_in(&proof), 400, "invalid_dpop_proof");
                let log = place.log.take();
                assert!(log.contains("login refused"), "{what}: {log}");
            }
            let two = [("DPoP", &*old), ("DPoP", &*old)];
            assert_refused(server, &send(server, "POST", "/api/login", &two, ""), 400, "invalid_dpop_proof");
            place.clock.advance(Duration::from_secs(61));
            assert_refused(server, &log_in(&old), 400, "invalid_dpop_proof");
            // None of them has started a login, or ended the one that there is.
            assert_eq!(place.logins(), 1, "{}", server.stack);
            bound_tokens(server, &place.refresh(server, &second.refresh, Some(&place.key)));
        },
    );
}

#[test]
fn a_client_without_a_nonce_gets_one_and_tries_again() {
    let nonces = DpopNonces::new([7; 32]).unwrap();
    everywhere(
        |builder| builder.dpop(Dpop::new().nonces(&nonces)),
        |server, place| {
            let name = server.stack;
            let sign = |path: &str, nonce: &str| {
                let url = [ORIGIN, path].concat();
                place.key.proof("POST", &url).issued_at(place.clock.now()).nonce(nonce).sign().unwrap()
            };
            let post = |path: &str, proof: &str, body: &str| {
                send(server, "POST", path, &[("Content-Type", "application/json"), ("DPoP", proof)], body)
            };
            let asked = post("/api/login", &place.proof(&place.key, "/api/login"), "");
            assert_refused(server, &asked, 400, "use_dpop_nonce");
            let nonce = asked.header("dpop-nonce").unwrap();
            let reply = post("/api/login", &sign("/api/login", nonce), "");
            assert!(reply.header("dpop-nonce").is_none(), "{name}: it is fresh: {reply:?}");
            let first = bound_tokens(server, &reply);
            let body = json!({"refresh_token": first.refresh}).to_string();
            let asked = post("/auth/refresh", &sign("/auth/refresh", "made-up"), &body);
            assert_refused(server, &asked, 400, "use_dpop_nonce");

            // In time before it is too old, the next one comes with a good answer.
            place.clock.advance(Duration::from_secs(200));
            let reply = post("/auth/refresh", &sign("/auth/refresh", nonce), &body);
            let second = bound_tokens(server, &reply);
            let next = reply.header("dpop-nonce").unwrap();
            let body = json!({"refresh_token": second.refresh}).to_string();
            place.clock.advance(Duration::from_secs(200));
            assert_refused(server, &post("/auth/refresh", &sign("/auth/refresh", nonce), &body), 400, "use_dpop_nonce");
            bound_tokens(server, &post("/auth/refresh", &sign("/auth/refresh", next), &body));

            // Where the API is the service too, its nonces are the same, and its status is 401.
            let asked = place.get(server, "/me", "DPoP", &second.access, Some(&place.key));
            assert_eq!(asked.status, 401, "{name}: {asked:?}");
            assert!(asked.header("dpop-nonce").is_some(), "{name}: {asked:?}");
            assert!(asked.challenges().any(|challenge| challenge.contains("use_dpop_nonce")), "{name}: {asked:?}");
        },
    );
}

#[test]
fn a_login_that_began_without_a_key_stays_so_and_its_access_tokens_may_be_bound() {
    everywhere(
        |builder| builder,
        |server, place| {
            let name = server.stack;
            let login = place.unbound();
            let refresh = login.refresh_token().unwrap().as_str();
            let second = bound_tokens(server, &place.refresh(server, refresh, Some(&place.key)));
            let good = place.get(server, "/me", "DPoP", &second.access, Some(&place.key));
            assert_eq!(good.status, 200, "{name}: {good:?}");
            assert_eq!(place.get(server, "/me", "Bearer", &second.access, None).status, 401, "{name}");
            let third = tokens(server, &place.refresh(server, &second.refresh, None), "Bearer");
            // A thief who refreshes it by a key of their own is found out as before.
            bound_tokens(server, &place.refresh(server, &third.refresh, Some(&place.other)));
            place.clock.advance(Duration::from_secs(60));
            assert_eq!(place.refresh(server, &third.refresh, None).status, 400, "{name}");
            assert_eq!(place.logins(), 0, "{name}");
        },
    );
}

#[test]
fn cookies_are_never_bound_and_a_proof_beside_them_is_an_error() {
    everywhere(
        |builder| builder,
        |server, place| {
            let name = server.stack;
            let proof = place.proof(&place.key, "/auth/login");
            let refused = send(server, "POST", "/auth/login", &[("DPoP", &proof)], "");
            assert_refused(server, &refused, 400, "invalid_request");
            assert_eq!(place.logins(), 0, "{name}");

            let login = place.unbound();
            let jar = jar(&login);
            let proof = place.proof(&place.key, "/auth/refresh");
            let refused = send(server, "POST", "/auth/refresh", &[("Cookie", &jar), ("DPoP", &proof)], "");
            assert_refused(server, &refused, 400, "invalid_request");
            assert_eq!(send(server, "POST", "/auth/refresh", &[("Cookie", &jar)], "").status, 204, "{name}");

            // A bound one that somebody has put into a cookie.
            let bound = place.log_in(server);
            let token = jwt_core::login::RefreshToken::new(bound.refresh.as_str(), Duration::from_secs(60)).unwrap();
            let jar = self::jar(&Login::new(login.access_token().clone()).with_refresh(token));
            let refused = send(server, "POST", "/auth/refresh", &[("Cookie", &jar)], "");
            assert_refused(server, &refused, 400, "invalid_dpop_proof");
            bound_tokens(server, &place.refresh(server, &bound.refresh, Some(&place.key)));
        },
    );
}

/// What a browser sends back.
fn jar(login: &Login) -> String {
    let headers = login.dangerous_set_cookies(&LoginCookies::builder().build().unwrap());
    let pair = |cookie: &http::HeaderValue| cookie.to_str().unwrap().split(';').next().unwrap().to_owned();
    headers.get_all("set-cookie").iter().map(pair).collect::<Vec<_>>().join("; ")
}

#[test]
fn where_every_token_has_to_be_bound_nobody_logs_in_without_a_key() {
    // A login of a time when that was not so.
    let store = Arc::new(MemoryStore::new());
    let clock = TestClock::new();
    let logins = |required: bool| {
        let key = SigningKey::secret(Algorithm::HS256, [7; 32]).unwrap();
        let issuer = Issuer::builder(ISSUER).audience(AUDIENCE).signing_key(key).clock(clock.clone()).build().unwrap();
        let refresh = RefreshTokens::builder(store.clone()).clock(clock.clone()).build().unwrap();
        let builder = Logins::builder(issuer, refresh).public_origin(ORIGIN);
        if required { builder.require_dpop().build().unwrap() } else { builder.build().unwrap() }
    };
    for stack in ROUTED {
        let before = Place { logins: logins(false), clock: clock.clone(), ..Place::with(|builder| builder) };
        let old = before.unbound();
        let place = Place { logins: logins(true), clock: clock.clone(), ..Place::with(|builder| builder) };
        let server = &stack.start(place.logins.clone());
        assert_refused(server, &send(server, "POST", "/api/login", &[], ""), 400, "invalid_dpop_proof");
        assert_refused(server, &send(server, "POST", "/auth/login", &[], ""), 500, "server_error");
        let bound = place.log_in(server);
        let good = place.get(server, "/me", "DPoP", &bound.access, Some(&place.key));
        assert_eq!(good.status, 200, "{}: {good:?}", stack.name);

        assert_eq!(place.get(server, "/me", "Bearer", old.access_token().as_str(), None).status, 401);
        let refresh = old.refresh_token().unwrap().as_str();
        assert_refused(server, &place.refresh(server, refresh, None), 400, "invalid_dpop_proof");
        let cookies = [("Cookie", &*jar(&old))];
        assert_refused(server, &send(server, "POST", "/auth/refresh", &cookies, ""), 400, "invalid_dpop_proof");
        let next = bound_tokens(server, &place.refresh(server, refresh, Some(&place.key)));
        let good = place.get(server, "/me", "DPoP", &next.access, Some(&place.key));
        assert_eq!(good.status, 200, "{}: {good:?}", stack.name);
    }
}

#[test]
fn a_logout_needs_no_proof() {
    everywhere(
        |builder| builder,
        |server, place| {
            let tokens = place.log_in(server);
            let authorization = format!("DPoP {}", tokens.access);
            let fields = [("Authorization", &*authorization)];
            assert_eq!(send(server, "POST", "/auth/logout", &fields, "").status, 204, "{}", server.stack);
            assert_eq!(place.logins(), 0, "{}", server.stack);
            let tokens = place.log_in(server);
            let body = json!({"refresh_token": tokens.refresh}).to_string();
            let fields = [("Content-Type", "application/json")];
            assert_eq!(send(server, "POST", "/auth/logout", &fields, &body).status, 204, "{}", server.stack);
            assert_eq!(place.logins(), 0, "{}", server.stack);
        },
    );
}

#[test]
fn a_memory_of_proofs_that_is_full_is_a_503() {
    everywhere(
        |builder| builder.dpop(Dpop::new().max_proofs(1_000, 1)),
        |server, place| {
            let tokens = place.log_in(server);
            let reply = send(server, "POST", "/api/login", &[("DPoP", &place.proof(&place.key, "/api/login"))], "");
            assert_refused(server, &reply, 503, "temporarily_unavailable");
            assert_eq!(reply.header("retry-after"), Some("1"), "{}: {reply:?}", server.stack);
            let refused = place.refresh(server, &tokens.refresh, Some(&place.key));
            assert_refused(server, &refused, 503, "temporarily_unavailable");
            assert_eq!(place.logins(), 1, "{}", server.stack);
        },
    );
}

#[test]
fn the_errors_are_typed() {
    let place = Place::with(|builder| builder);
    let user = User { sub: "alice".into(), name: "Alice".into() };
    let request = |proof: &str| http::Request::post("/api/login").header("dpop", proof).body(()).unwrap();
    let log_in = |proof: &str| place.runtime.block_on(place.logins.log_in(&user, "").proof_from(&request(proof)));
    let proof = place.proof(&place.key, "/api/login");
    let tokens = log_in(&proof).unwrap();
    assert!(tokens.access_token().is_bound());
    let Err(LoginError::Proof(refused)) = log_in(&proof) else { panic!("it was used before") };
    assert!(matches!(refused.reason(), ProofError::Replayed) && refused.nonce().is_none(), "{refused}");

    let token = tokens.refresh_token().unwrap().as_str();
    let refused = place.runtime.block_on(place.logins.refresh(token));
    assert!(matches!(refused, Err(LoginError::ProofMissing)), "{refused:?}");
    let request = request(&place.proof(&place.other, "/api/login"));
    let refused = place.runtime.block_on(place.logins.refresh_with_proof(token, &request));
    assert!(matches!(refused, Err(LoginError::OtherKey)), "{refused:?}");
}

#[test]
fn what_cannot_be_is_refused_when_logins_are_built() {
    let clock = TestClock::new();
    let build = |builder: LoginsBuilder| builder.build().map(drop).unwrap_err();
    for origin in ["api.example.com", "ftp://api.example.com", "https://api.example.com?"] {
        let error = build(builder(&clock).public_origin(origin));
        let is_that = matches!(&error, LoginsBuildError::Proofs(AuthenticatorBuildError::PublicOrigin { .. }));
        assert!(is_that && error.to_string().contains(origin), "{error}");
    }
    let secret = build(builder(&clock).dpop(Dpop::new().algorithm(Algorithm::HS256)));
    assert!(matches!(secret, LoginsBuildError::Proofs(AuthenticatorBuildError::ProofAlgorithm { .. })), "{secret}");
    let renewed = build(builder(&clock).transparent_renewal().require_dpop());
    assert_eq!(renewed, LoginsBuildError::RenewalUnbound);
    // What the logins say, the authenticator knows; saying it again is an error there too.
    let logins = builder(&clock).dpop(Dpop::new()).build().unwrap();
    let twice = logins.authenticator::<()>().dpop(Dpop::new()).build().map(drop).unwrap_err();
    assert!(matches!(twice, AuthenticatorBuildError::SetTwice { setting: "dpop" }), "{twice}");
}

#[test]
fn an_issuer_binds_a_token_to_the_key_that_it_is_told() {
    let place = Place::with(|builder| builder);
    let issuer = place.logins.issuer();
    let claims = json!({"sub": "alice", "name": "Alice"});
    let token = issuer.token(&claims).bound_to(place.key.thumbprint()).sign().unwrap();
    assert_eq!((token.token_type(), token.is_bound()), ("DPoP", true));
    let auth = place.logins.authenticator::<User>().build().unwrap();
    assert!(verdict(&place, &auth, token.as_str(), &place.key).is_ok());
    let refused = verdict(&place, &auth, token.as_str(), &place.other);
    assert!(matches!(refused, Err(AuthError::InvalidToken(TokenError::OtherProofKey))), "{refused:?}");

    let jkt = place.key.thumbprint();
    for jkt in ["", "x", &jkt[1..], &format!("{jkt}="), &format!("{jkt}A")] {
        assert_eq!(issuer.token(&claims).bound_to(jkt).sign().unwrap_err(), IssueError::Thumbprint, "{jkt}");
    }
    let own = json!({"sub": "alice", "cnf": {"jkt": jkt}});
    assert_eq!(issuer.sign(&own).unwrap_err(), IssueError::Bound);
    assert_eq!(issuer.token(&own).bound_to(jkt).sign().unwrap_err(), IssueError::Bound);
}

/// What becomes of a request with that token and a proof by that key.
fn verdict(place: &Place, auth: &Authenticator<User>, token: &str, key: &DpopKey) -> Result<(), AuthError> {
    let url = [ORIGIN, "/me"].concat();
    let proof = key.proof("GET", &url).for_token(token).issued_at(place.clock.now()).sign().unwrap();
    let request = http::Request::get("/me").header("authorization", format!("DPoP {token}")).header("dpop", proof);
    let request = request.body(()).unwrap();
    place.runtime.block_on(auth.authenticate(&request).settled()).result().map(drop)
}

#[test]
fn the_test_kit_makes_bound_tokens() {
    let place = Place::with(|builder| builder);
    let issuer = TestIssuer::new();
    let auth = issuer.builder().public_origin(ORIGIN).build().unwrap();
    let token = issuer.token("alice").claim("name", "Alice").bound_to(&place.key).compact();
    let place = Place { clock: issuer.clock(), ..place };
    assert!(verdict(&place, &auth, &token, &place.key).is_ok());
    assert!(verdict(&place, &auth, &token, &place.other).is_err());
}
