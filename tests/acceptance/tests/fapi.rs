//! FAPI 2.0 Security Profile (February 2025), each requirement of a resource server by its clause. `docs/how-to/fapi2.md` has the
//! table.

use std::time::Duration;

use acceptance::{
    AUDIENCE, ISSUER, Log, NOW, Reply, SECRET, STACKS, Server, Stopped, User, builder_with, good_claims, hs256,
    key_bytes,
};
use jwt_core::binding::{Dpop, DpopKey, DpopNonces};
use jwt_core::clock::NumericDate;
use jwt_core::error::{AuthenticatorBuildError, Fapi2Contradiction, RegisteredClaim};
use jwt_core::{
    Algorithm, Authenticator, AuthenticatorBuilder, KeySet, LiveKeys, SigningKey, TokenSource, TrustedIssuer,
};
use serde_json::{Value, json};

const ORIGIN: &str = "https://api.example.com";
const URL: &str = "https://api.example.com/me";

type Build = fn(AuthenticatorBuilder<User>) -> AuthenticatorBuilder<User>;

fn generate(algorithm: Algorithm) -> SigningKey {
    SigningKey::generate(algorithm).unwrap()
}

fn keys(key: &SigningKey) -> KeySet {
    KeySet::new([key.verifying_key()]).unwrap()
}

/// All that the profile needs.
fn complete(keys: impl Into<jwt_core::key::KeySource>) -> AuthenticatorBuilder<User> {
    builder_with(keys).public_origin(ORIGIN).check(|token| token.token_id() != Some("revoked")).fapi2()
}

fn servers(build: impl Fn() -> AuthenticatorBuilder<User>) -> Vec<Server> {
    STACKS.map(|stack| stack.start(build().build().unwrap())).into()
}

/// An issuer with a key, and a client with another.
struct World {
    issuer: SigningKey,
    client: DpopKey,
}

impl World {
    fn new() -> Self {
        Self { issuer: generate(Algorithm::ES256), client: DpopKey::generate(Algorithm::ES256).unwrap() }
    }

    fn claims(&self, more: &Value) -> Value {
        let mut claims = good_claims();
        claims["cnf"] = json!({"jkt": self.client.thumbprint()});
        for (name, value) in more.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims
    }

    fn token(&self, more: &Value) -> String {
        self.issuer.sign(&self.claims(more)).unwrap()
    }

    /// With a good proof.
    fn send(&self, server: &Server, token: &str) -> Reply {
        send(server, &self.client, token, NOW)
    }
}

fn send(server: &Server, client: &DpopKey, token: &str, at: u64) -> Reply {
    let proof = client.proof("GET", URL).for_token(token).issued_at(NumericDate::from_secs(at)).sign().unwrap();
    server.get("/me", &[("authorization", &format!("DPoP {token}")), ("dpop", &proof)])
}

#[track_caller]
fn assert_refused(reply: &Reply, error: &str) {
    let reason = format!("error=\"{error}\"");
    assert!(reply.status == 401 && reply.challenge().unwrap().contains(&reason), "{error}: {reply:?}");
}

fn error(build: Build) -> Fapi2Contradiction {
    let world = World::new();
    match build(complete(keys(&world.issuer))).build() {
        Err(AuthenticatorBuildError::Fapi2(error)) => error,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("nothing is wrong with it"),
    }
}

/// §5.3.4 (1): in the header, as in RFC 6750 §2.1 or RFC 9449 §7.1.
#[test]
fn a_token_in_the_header_with_its_proof_is_accepted() {
    let world = World::new();
    for server in servers(|| complete(keys(&world.issuer))) {
        let reply = world.send(&server, &world.token(&json!({})));
        assert_eq!(reply.status, 200, "{}: {reply:?}", server.stack);
    }
}

/// §5.3.4 (1) and (2): nowhere else, and not in the query.
#[test]
fn no_other_place_is_read_or_can_be_configured() {
    let world = World::new();
    let token = world.token(&json!({}));
    for server in servers(|| complete(keys(&world.issuer))) {
        let reply = server.get(&format!("/me?access_token={token}"), &[]);
        assert_eq!((reply.status, reply.challenge()), (401, Some("Bearer")), "{}: {reply:?}", server.stack);
        let reply = server.get("/me", &[("cookie", &format!("access_token={token}"))]);
        assert_eq!(reply.status, 401, "{}: {reply:?}", server.stack);
    }
    for (source, words) in [
        (TokenSource::query("access_token"), "access_token"),
        (TokenSource::cookie("__Host-token"), "__Host-token"),
        (TokenSource::header("x-token"), "x-token"),
        (TokenSource::header_with_scheme("authorization", "Token"), "Token"),
        (TokenSource::websocket_protocol("bearer."), "bearer."),
    ] {
        let builder = complete(keys(&world.issuer)).source(TokenSource::bearer()).source(source);
        let Err(AuthenticatorBuildError::Fapi2(Fapi2Contradiction::Source { token_source })) = builder.build() else {
            panic!("{words}")
        };
        assert!(token_source.contains(words), "{token_source}");
    }
    let several = error(AuthenticatorBuilder::dangerous_allow_several_tokens);
    assert!(several.to_string().contains(".dangerous_allow_several_tokens(…)"), "{several}");
}

/// §5.3.4 (3): validity, integrity, expiration and revocation status.
#[test]
fn validity_integrity_expiry_and_revocation_are_verified() {
    let world = World::new();
    let stranger = generate(Algorithm::ES256);
    for server in servers(|| complete(keys(&world.issuer))) {
        for (more, what) in [
            (json!({"iss": "https://other.example"}), "issuer"),
            (json!({"aud": "other"}), "audience"),
            (json!({"aud": null}), "audience"),
            (json!({"exp": NOW - 100}), "expired"),
            (json!({"exp": null}), "without an end"),
            (json!({"jti": "revoked"}), "revoked"),
        ] {
            let token = jwt_core_signed(&world, &more);
            let reply = world.send(&server, &token);
            assert!(reply.status == 401, "{what} {}: {reply:?}", server.stack);
            assert_refused(&reply, "invalid_token");
        }
        let forged = stranger.sign(&world.claims(&json!({}))).unwrap();
        assert_refused(&world.send(&server, &forged), "invalid_token");
    }
    for (contradiction, setting) in [
        (error(AuthenticatorBuilder::dangerous_allow_tokens_without_expiry), "dangerous_allow_tokens_without_expiry"),
        (
            error(|builder| builder.optional().dangerous_allow_expired_as_anonymous()),
            "dangerous_allow_expired_as_anonymous",
        ),
        (error(AuthenticatorBuilder::dangerous_accept_id_tokens), "dangerous_accept_id_tokens"),
        (error(AuthenticatorBuilder::dangerous_allow_padded_tokens), "dangerous_allow_padded_tokens"),
        (
            error(|builder| builder.dangerous_allow_mistyped_claim(RegisteredClaim::Subject)),
            "dangerous_allow_mistyped_claim",
        ),
    ] {
        let text = contradiction.to_string();
        assert!(text.contains(setting) && text.contains('§') && text.contains("leave it out"), "{text}");
    }
    let unchecked = builder_with(keys(&world.issuer)).public_origin(ORIGIN).fapi2().build();
    assert_eq!(unchecked.err(), Some(Fapi2Contradiction::Revocations.into()));
}

/// Claims that are null are left out.
fn jwt_core_signed(world: &World, more: &Value) -> String {
    let mut claims = world.claims(more);
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    world.issuer.sign(&claims).unwrap()
}

/// §5.3.4 (5): sender-constrained tokens alone.
#[test]
fn a_token_whose_sender_shows_no_key_is_refused() {
    let world = World::new();
    let log = Log::here();
    for server in servers(|| complete(keys(&world.issuer))) {
        let unbound = jwt_core_signed(&world, &json!({"cnf": null}));
        log.take();
        assert_refused(&server.get_with_bearer(&unbound), "invalid_token");
        let text = log.take();
        assert!(text.contains("only tokens that are bound to a key of their client are accepted here"), "{text}");
        assert_refused(&world.send(&server, &unbound), "invalid_token");
        assert_refused(&server.get_with_bearer(&world.token(&json!({}))), "invalid_token");
        let reply = server.get("/me", &[("authorization", &format!("DPoP {}", world.token(&json!({}))))]);
        assert_refused(&reply, "invalid_dpop_proof");
        let thief = DpopKey::generate(Algorithm::ES256).unwrap();
        assert_eq!(send(&server, &thief, &world.token(&json!({})), NOW).status, 401, "{}", server.stack);
    }
    let allowed = error(AuthenticatorBuilder::dangerous_allow_bound_tokens);
    assert!(allowed.to_string().contains(".dangerous_allow_bound_tokens(…)"), "{allowed}");
    let without = |origin: Option<&str>| {
        let builder = builder_with(keys(&world.issuer)).check(|_| true).fapi2();
        match origin {
            Some(origin) => builder.public_origin(origin),
            None => builder,
        }
    };
    for origin in [None, Some("http://api.example.com")] {
        assert_eq!(without(origin).build().err(), Some(Fapi2Contradiction::PublicOrigin.into()), "{origin:?}");
    }
}

/// The flag alone, without the profile: whatever the token is, its sender has shown its key.
#[test]
fn bound_tokens_can_be_required_without_the_profile() {
    let world = World::new();
    let build = || builder_with(keys(&world.issuer)).public_origin(ORIGIN).require_bound_tokens();
    for server in servers(build) {
        assert_eq!(world.send(&server, &world.token(&json!({}))).status, 200, "{}", server.stack);
        assert_refused(&server.get_with_bearer(&jwt_core_signed(&world, &json!({"cnf": null}))), "invalid_token");
        assert_refused(&server.get_with_bearer(&world.token(&json!({}))), "invalid_token");
    }
    let contradiction = build().dangerous_allow_bound_tokens().build().err();
    assert_eq!(contradiction, Some(AuthenticatorBuildError::BoundContradiction));
}

/// §5.4.1 (1): RFC 8725, of which §3.8 and §3.9 are the issuer and the audience.
#[test]
fn issuer_and_audience_are_expected() {
    let world = World::new();
    let bare = || {
        let builder = Authenticator::<User>::builder().keys(keys(&world.issuer)).clock(Stopped);
        builder.public_origin(ORIGIN).check(|_| true).fapi2()
    };
    assert_eq!(bare().audience(AUDIENCE).build().err(), Some(Fapi2Contradiction::Issuer.into()));
    assert_eq!(bare().issuer(ISSUER).any_audience().build().err(), Some(Fapi2Contradiction::Audience.into()));
    assert_eq!(bare().issuer(ISSUER).build().err(), Some(AuthenticatorBuildError::NoAudience));
    // Each of several issuers for itself.
    let several = |issuer: TrustedIssuer| {
        let builder =
            Authenticator::<User>::builder().trust(TrustedIssuer::new("https://a.example", keys(&world.issuer)));
        builder.trust(issuer).audience(AUDIENCE).public_origin(ORIGIN).check(|_| true).fapi2().build().err()
    };
    let other = || TrustedIssuer::new("https://b.example", keys(&world.issuer));
    assert_eq!(several(other()), None);
    assert_eq!(several(other().any_audience()), Some(Fapi2Contradiction::Audience.into()));
    let padded = several(other().dangerous_allow_padded_tokens()).unwrap().to_string();
    assert!(padded.contains("dangerous_allow_padded_tokens"), "{padded}");
}

/// §5.4.1 (1): PS256, ES256, and EdDSA with Ed25519, for tokens.
#[test]
fn tokens_are_signed_by_the_algorithms_of_the_profile() {
    let client = DpopKey::generate(Algorithm::ES256).unwrap();
    let token = |key: &SigningKey| {
        let mut claims = good_claims();
        claims["cnf"] = json!({"jkt": client.thumbprint()});
        key.sign(&claims).unwrap()
    };
    let rsa = |algorithm| SigningKey::pem(algorithm, key_bytes("rsa.pem")).unwrap();
    for key in
        [generate(Algorithm::ES256), generate(Algorithm::EdDSA), generate(Algorithm::Ed25519), rsa(Algorithm::PS256)]
    {
        for server in servers(|| complete(keys(&key))) {
            assert_eq!(send(&server, &client, &token(&key), NOW).status, 200, "{} {}", server.stack, key.algorithm());
        }
    }
    let secret = SigningKey::secret(Algorithm::HS256, SECRET).unwrap();
    let others = [secret, rsa(Algorithm::RS256), rsa(Algorithm::PS384), generate(Algorithm::ES384)];
    let log = Log::here();
    for key in others {
        let algorithm = key.algorithm();
        let expected = Fapi2Contradiction::KeyAlgorithm { algorithm };
        assert_eq!(complete(keys(&key)).build().err(), Some(expected.into()), "{algorithm}");
        // Keys that come later, by a replacement as by a fetch.
        let live = LiveKeys::new(keys(&generate(Algorithm::ES256)));
        for server in servers(|| complete(&live)) {
            live.replace(keys(&key));
            log.take();
            assert_refused(&send(&server, &client, &token(&key), NOW), "invalid_token");
            assert!(log.take().contains(&format!("signed by {algorithm}, and `.fapi2()` accepts")), "{algorithm}");
            live.replace(keys(&generate(Algorithm::ES256)));
        }
    }
    // A set that has both is told apart.
    let set = KeySet::new([generate(Algorithm::ES256).verifying_key(), rsa(Algorithm::RS256).verifying_key()]).unwrap();
    let text = complete(set).build().err().unwrap().to_string();
    assert!(text.contains("RS256") && text.contains("jwks_allowing"), "{text}");
}

/// §5.4.1 (1) again, for proofs.
#[test]
fn proofs_are_signed_by_the_algorithms_of_the_profile() {
    let world = World::new();
    let algs = "DPoP algs=\"Ed25519 EdDSA ES256 PS256\"";
    for server in servers(|| complete(keys(&world.issuer))) {
        let reply = server.get("/me", &[]);
        assert_eq!(reply.challenges().nth(1), Some(algs), "{}: {reply:?}", server.stack);
        let client = DpopKey::generate(Algorithm::ES384).unwrap();
        let token = world.token(&json!({"cnf": {"jkt": client.thumbprint()}}));
        assert_refused(&send(&server, &client, &token, NOW), "invalid_dpop_proof");
    }
    for algorithm in [Algorithm::RS256, Algorithm::ES384, Algorithm::PS512] {
        let builder = complete(keys(&world.issuer)).dpop(Dpop::new().algorithm(Algorithm::ES256).algorithm(algorithm));
        assert_eq!(builder.build().err(), Some(Fapi2Contradiction::ProofAlgorithm { algorithm }.into()));
    }
    // Fewer are no contradiction, and neither are nonces (§5.3.2.1 (10)).
    let fewer = Dpop::new().algorithm(Algorithm::ES256).nonces(&DpopNonces::new(SECRET).unwrap());
    assert!(complete(keys(&world.issuer)).dpop(fewer).build().is_ok());
}

/// §5.4.1 (1): `none` is neither used nor accepted.
#[test]
fn a_token_without_a_signature_is_refused() {
    let world = World::new();
    for server in servers(|| complete(keys(&world.issuer))) {
        let claims = acceptance::base64url(world.claims(&json!({})).to_string());
        for signature in ["", "AAAA"] {
            let token = format!("{}.{claims}.{signature}", acceptance::base64url(r#"{"alg":"none"}"#));
            assert_eq!(world.send(&server, &token).status, 401, "{}", server.stack);
        }
        assert_refused(&world.send(&server, &hs256(&world.claims(&json!({})))), "invalid_token");
    }
}

/// §5.4.1 (2): RSA keys of 2048 bits at least. There are no curves under 224 bits (§5.4.1 (3)).
#[test]
fn weak_keys_are_not_loaded() {
    let weak = jwt_core::VerifyingKey::pem(Algorithm::PS256, key_bytes("rsa1024.pub.pem"));
    assert!(weak.is_err(), "{weak:?}");
}

/// §5.3.2.1 (13): `iat` and `nbf` up to 10 s in the future are good, and none beyond 60 s. It is about authorization servers;
/// what a resource server verifies here is held to the same.
#[test]
fn clocks_may_be_ahead_a_little_and_no_more() {
    let world = World::new();
    for leeway in [10, 30, 60] {
        let build = || complete(keys(&world.issuer)).leeway(Duration::from_secs(leeway));
        for server in servers(build) {
            for claim in ["iat", "nbf"] {
                for ahead in [0, 10, leeway] {
                    let reply = world.send(&server, &world.token(&json!({claim: NOW + ahead})));
                    assert_eq!(reply.status, 200, "{claim} {ahead} {leeway} {}: {reply:?}", server.stack);
                }
                for ahead in [leeway + 1, 61, 3_600] {
                    let reply = world.send(&server, &world.token(&json!({claim: NOW + ahead})));
                    assert_refused(&reply, "invalid_token");
                }
            }
            let token = world.token(&json!({}));
            assert_eq!(send(&server, &world.client, &token, NOW + 10).status, 200, "{}", server.stack);
            assert_refused(&send(&server, &world.client, &token, NOW + 61), "invalid_dpop_proof");
        }
    }
    for leeway in [0, 9, 61].map(Duration::from_secs) {
        let builder = complete(keys(&world.issuer)).leeway(leeway);
        assert_eq!(builder.build().err(), Some(Fapi2Contradiction::Leeway { leeway }.into()));
    }
}
