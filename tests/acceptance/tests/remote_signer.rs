//! Keys that are elsewhere: what their signer signs, how they rotate, and what happens while it fails.

use std::future::pending;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use acceptance::{AUDIENCE, ISSUER, User, key_file, named_key};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, ML_DSA_65_SIGNING, PqdsaKeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA512,
    RsaKeyPair,
};
use jwt_core::issue::{IssueError, RemoteSigningKey, Signer, SignerError, Signing, SigningInput};
use jwt_core::key::KeyError;
use jwt_core::login::LoginsBuilder;
use jwt_core::testing::TestClock;
use jwt_core::{
    Algorithm, Authenticator, Issuer, KeySet, LoginError, Logins, MemoryStore, RefreshTokens, SigningKey, Verifier,
};

/// A service with a key, that works or does not.
#[derive(Clone)]
struct Service {
    key: Arc<Vec<u8>>,
    how: Arc<Mutex<How>>,
}

#[derive(Clone, Copy)]
enum How {
    Works,
    /// Gives ECDSA signatures in DER, and says that they are raw.
    InDer,
    /// The same, read by `raw_signature`.
    FromDer,
    Fails,
    Hangs,
    /// Signs something else.
    SignsOther,
    /// Gives so many bytes of nothing.
    Gives(usize),
}

#[derive(Debug, thiserror::Error)]
#[error("the service is out of order")]
struct OutOfOrder;

impl Service {
    fn new(algorithm: Algorithm) -> Self {
        let pem = key_file(&format!("{}.pem", named_key(algorithm).unwrap()));
        let base64: String = pem.lines().filter(|line| !line.contains("-----")).collect();
        let key = base64_simd::STANDARD.decode_to_vec(base64).unwrap();
        Self { key: Arc::new(key), how: Arc::new(Mutex::new(How::Works)) }
    }

    fn now(&self, how: How) {
        *self.how.lock().unwrap() = how;
    }

    fn signature(&self, algorithm: Algorithm, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        let ecdsa = |algorithm: &'static EcdsaSigningAlgorithm| {
            let key = EcdsaKeyPair::from_pkcs8(algorithm, &self.key).unwrap();
            key.sign(&random, message).unwrap().as_ref().to_vec()
        };
        let rsa = |padding: &'static dyn aws_lc_rs::signature::RsaEncoding| {
            let key = RsaKeyPair::from_pkcs8(&self.key).unwrap();
            let mut signature = vec![0; key.public_modulus_len()];
            key.sign(padding, &random, message, &mut signature).unwrap();
            signature
        };
        match algorithm {
            Algorithm::ES256 if matches!(*self.how.lock().unwrap(), How::InDer | How::FromDer) => {
                ecdsa(&ECDSA_P256_SHA256_ASN1_SIGNING)
            }
            Algorithm::ES256 => ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING),
            Algorithm::ES384 => ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING),
            Algorithm::RS256 => rsa(&RSA_PKCS1_SHA256),
            Algorithm::PS512 => rsa(&RSA_PSS_SHA512),
            Algorithm::MlDsa65 => {
                let key = PqdsaKeyPair::from_pkcs8(&ML_DSA_65_SIGNING, &self.key).unwrap();
                let mut signature = vec![0; ML_DSA_65_SIGNING.signature_len()];
                key.sign(message, &mut signature).unwrap();
                signature
            }
            _ => Ed25519KeyPair::from_pkcs8(&self.key).unwrap().sign(message).as_ref().to_vec(),
        }
    }
}

impl Signer for Service {
    fn sign<'a>(&'a self, input: SigningInput<'a>) -> Signing<'a> {
        let how = *self.how.lock().unwrap();
        Box::pin(async move {
            tokio::task::yield_now().await;
            match how {
                How::Works | How::InDer => Ok(self.signature(input.algorithm(), input.message())),
                How::FromDer => input.raw_signature(&self.signature(input.algorithm(), input.message())),
                How::Fails => Err(SignerError::failed(OutOfOrder)),
                How::Hangs => pending().await,
                How::SignsOther => Ok(self.signature(input.algorithm(), b"something else")),
                How::Gives(bytes) => Ok(vec![0; bytes]),
            }
        })
    }
}

const ALGORITHMS: &[Algorithm] = &[
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::RS256,
    Algorithm::PS512,
    Algorithm::EdDSA,
    #[cfg(feature = "aws-lc-rs")]
    Algorithm::MlDsa65,
];

fn remote(algorithm: Algorithm, service: &Service) -> RemoteSigningKey {
    let public = key_file(&format!("{}.pub.pem", named_key(algorithm).unwrap()));
    RemoteSigningKey::pem(algorithm, public, service.clone()).unwrap()
}

fn local(algorithm: Algorithm) -> SigningKey {
    SigningKey::pem(algorithm, key_file(&format!("{}.pem", named_key(algorithm).unwrap()))).unwrap()
}

fn issuer(key: impl Into<jwt_core::issue::IssuerKey>, clock: &TestClock) -> Issuer {
    Issuer::builder(ISSUER).audience(AUDIENCE).signing_key(key).clock(clock.clone()).build().unwrap()
}

fn alice() -> User {
    User { sub: "alice".into(), name: "Alice".into() }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

/// Somebody else, who has nothing but the JWK Set, fetched now.
fn stranger(issuer: &Issuer, clock: &TestClock) -> Verifier<User> {
    let keys = KeySet::jwks_allowing(issuer.jwks(), ALGORITHMS).unwrap();
    let builder = Authenticator::builder().keys(keys).issuer(ISSUER).audience(AUDIENCE).typ("at+jwt");
    builder.clock(clock.clone()).build_verifier().unwrap()
}

#[test]
fn a_key_that_is_elsewhere_signs_and_is_published_as_one_of_this_process() {
    let clock = TestClock::new();
    for algorithm in ALGORITHMS.iter().copied() {
        let there = issuer(remote(algorithm, &Service::new(algorithm)), &clock);
        let here = issuer(local(algorithm), &clock);
        assert_eq!(there.jwks(), here.jwks(), "{algorithm}");
        assert!(there.active_kid().is_some() && there.active_kid() == here.active_kid(), "{algorithm}");
        let token = run(there.sign_async(&alice())).unwrap();
        assert_eq!(*stranger(&there, &clock).verify(token.as_str()).unwrap(), alice(), "{algorithm}");
        let own = there.authenticator::<User>().build_verifier().unwrap();
        assert_eq!(*own.verify(token.as_str()).unwrap(), alice(), "{algorithm}");
    }
}

#[test]
fn the_digest_of_what_is_signed_is_that_of_the_algorithm() {
    #[derive(Clone, Default)]
    struct Digests(Arc<Mutex<Vec<usize>>>);
    impl Signer for Digests {
        fn sign<'a>(&'a self, input: SigningInput<'a>) -> Signing<'a> {
            self.0.lock().unwrap().push(input.digest().len());
            assert_eq!(format!("{input:?}").matches("ES").count() + format!("{input:?}").matches("PS").count(), 1);
            Box::pin(async { Err(SignerError::failed(OutOfOrder)) })
        }
    }
    let (digests, clock) = (Digests::default(), TestClock::new());
    for algorithm in [Algorithm::ES256, Algorithm::ES384, Algorithm::PS512] {
        let public = key_file(&format!("{}.pub.pem", named_key(algorithm).unwrap()));
        let key = RemoteSigningKey::pem(algorithm, public, digests.clone()).unwrap();
        assert!(run(issuer(key, &clock).sign_async(&alice())).is_err());
    }
    assert_eq!(*digests.0.lock().unwrap(), [32, 48, 64]);
}

#[test]
fn a_signature_that_does_not_verify_is_an_error_and_never_leaves() {
    let (clock, service) = (TestClock::new(), Service::new(Algorithm::ES256));
    let issuer = issuer(remote(Algorithm::ES256, &service), &clock);
    for how in [How::InDer, How::SignsOther, How::Gives(0), How::Gives(63), How::Gives(64), How::Gives(10_000)] {
        service.now(how);
        let error = run(issuer.sign_async(&alice())).unwrap_err();
        assert_eq!(error, IssueError::Signer(SignerError::WrongSignature));
        assert!(error.to_string().contains("raw_signature"), "{error}");
    }
    service.now(How::FromDer);
    let token = run(issuer.sign_async(&alice())).unwrap();
    assert!(stranger(&issuer, &clock).verify(token.as_str()).is_ok());
}

#[test]
fn a_signer_that_fails_or_hangs_is_a_typed_error_in_time() {
    let (clock, service) = (TestClock::new(), Service::new(Algorithm::ES256));
    let brief = Duration::from_millis(10);
    let issuer = issuer(remote(Algorithm::ES256, &service).with_timeout(brief), &clock);
    service.now(How::Fails);
    let error = run(issuer.sign_async(&alice())).unwrap_err();
    assert!(matches!(error, IssueError::Signer(SignerError::Failed(_))), "{error}");
    assert_eq!(error.to_string(), "the signer failed: the service is out of order");
    assert_eq!(format!("{error:?}"), error.to_string());
    service.now(How::Hangs);
    let error = run(issuer.sign_async(&alice())).unwrap_err();
    assert_eq!(error, IssueError::Signer(SignerError::Timeout { after: brief }));
    service.now(How::Works);
    assert!(run(issuer.sign_async(&alice())).is_ok());
}

#[test]
fn a_key_of_this_process_signs_without_waiting_and_without_a_runtime() {
    let clock = TestClock::new();
    let here = issuer(local(Algorithm::ES256), &clock);
    let claims = alice();
    let mut signing = pin!(here.sign_async(&claims));
    let Poll::Ready(token) = signing.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("it waits for something");
    };
    assert!(stranger(&here, &clock).verify(token.unwrap().as_str()).is_ok());
    // One that is elsewhere needs both, and says so.
    let there = issuer(remote(Algorithm::ES256, &Service::new(Algorithm::ES256)), &clock);
    assert_eq!(there.sign(&claims).unwrap_err(), IssueError::Elsewhere);
    let mut signing = pin!(there.sign_async(&claims));
    let Poll::Ready(refused) = signing.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("it waits for something");
    };
    assert_eq!(refused.unwrap_err(), IssueError::Signer(SignerError::NoRuntime));
}

#[test]
fn what_cannot_be_signed_never_reaches_the_signer() {
    let (clock, service) = (TestClock::new(), Service::new(Algorithm::ES256));
    service.now(How::Fails);
    let issuer = issuer(remote(Algorithm::ES256, &service), &clock);
    let error = run(issuer.sign_async(&serde_json::json!({"sub": "alice", "exp": 1}))).unwrap_err();
    assert!(matches!(error, IssueError::Collision(_)), "{error}");
    let error = run(issuer.sign_async(&["no object"])).unwrap_err();
    assert_eq!(error, IssueError::Claims);
}

#[test]
fn keys_rotate_between_this_process_and_elsewhere_without_a_token_refused() {
    let (clock, service) = (TestClock::new(), Service::new(Algorithm::ES256));
    let issuer = issuer(local(Algorithm::ES384).with_kid("here"), &clock);
    let first = issuer.sign(&alice()).unwrap();
    issuer.rotate(remote(Algorithm::ES256, &service).with_kid("there")).unwrap();
    let early = stranger(&issuer, &clock);
    assert_eq!(issuer.active_kid().as_deref(), Some("here"));
    clock.advance(Duration::from_secs(11 * 60));
    assert_eq!(issuer.active_kid().as_deref(), Some("there"));
    assert_eq!(issuer.sign(&alice()).unwrap_err(), IssueError::Elsewhere);
    let second = run(issuer.sign_async(&alice())).unwrap();
    for token in [&first, &second] {
        assert!(early.verify(token.as_str()).is_ok(), "a copy of the set from before has both");
        assert!(stranger(&issuer, &clock).verify(token.as_str()).is_ok());
    }
    // The same name cannot be used twice, wherever the keys are.
    assert!(issuer.publish(remote(Algorithm::ES256, &service).with_kid("there")).is_err());
    issuer.publish(local(Algorithm::EdDSA).with_kid("next")).unwrap();
    issuer.activate("next").unwrap();
    issuer.withdraw("there").unwrap();
    assert!(stranger(&issuer, &clock).verify(second.as_str()).is_err());
    assert!(stranger(&issuer, &clock).verify(issuer.sign(&alice()).unwrap().as_str()).is_ok());
}

#[test]
fn a_public_half_that_is_none_is_refused_when_the_key_is_made() {
    let service = Service::new(Algorithm::ES256);
    let new = |algorithm, text: &str| RemoteSigningKey::pem(algorithm, text, service.clone()).unwrap_err();
    assert_eq!(new(Algorithm::ES256, &key_file("p256.pem")), KeyError::Private);
    assert_eq!(new(Algorithm::ES384, &key_file("p256.pub.pem")), KeyError::WrongKind(Algorithm::ES384));
    assert_eq!(new(Algorithm::HS256, &key_file("p256.pub.pem")), KeyError::WrongKind(Algorithm::HS256));
    assert_eq!(new(Algorithm::RS256, &key_file("rsa1024.pub.pem")), KeyError::RsaSize { bits: 1024 });
}

/// Logins whose access tokens are signed elsewhere.
fn logins(service: &Service, clock: &TestClock, configure: impl FnOnce(LoginsBuilder) -> LoginsBuilder) -> Logins {
    let key = remote(Algorithm::ES256, service).with_timeout(Duration::from_millis(10));
    let store = RefreshTokens::builder(Arc::new(MemoryStore::new())).clock(clock.clone()).build().unwrap();
    configure(Logins::builder(issuer(key, clock), store)).build().unwrap()
}

fn is_unavailable(error: &LoginError) {
    let response = error.response();
    assert_eq!(response.status(), 503, "{error}");
    assert_eq!(response.headers()["retry-after"], "1");
    assert_eq!(response.body(), r#"{"error":"temporarily_unavailable"}"#);
}

const FAILURES: [How; 3] = [How::Fails, How::Hangs, How::SignsOther];

#[test]
fn while_the_signer_fails_logins_are_answered_503_and_nothing_is_remembered() {
    let (clock, service) = (TestClock::new(), Service::new(Algorithm::ES256));
    let logins = logins(&service, &clock, |builder| builder);
    run(async {
        for how in FAILURES {
            service.now(how);
            is_unavailable(&logins.log_in(&alice(), "").await.unwrap_err());
            assert!(logins.refresh_tokens().list("alice").await.unwrap().is_empty());
        }
        service.now(How::Works);
        let login = logins.log_in(&alice(), "").await.unwrap();
        let verifier = logins.authenticator::<User>().build_verifier().unwrap();
        assert_eq!(*verifier.verify(login.access_token().as_str()).unwrap(), alice());
    });
}

#[test]
fn while_the_signer_fails_a_refresh_is_answered_503_and_the_token_is_as_good_as_before() {
    let (clock, service) = (TestClock::new(), Service::new(Algorithm::ES256));
    let logins = logins(&service, &clock, |builder| builder);
    run(async {
        let login = logins.log_in(&alice(), "").await.unwrap();
        let token = login.refresh_token().unwrap().as_str();
        for how in FAILURES {
            service.now(how);
            // Long after the grace, in which a token that was exchanged would be good once more.
            clock.advance(Duration::from_secs(3600));
            is_unavailable(&logins.refresh(token).await.unwrap_err());
        }
        service.now(How::Works);
        logins.refresh(token).await.unwrap();
    });
}

#[test]
fn while_the_signer_fails_a_renewal_on_the_way_is_answered_503() {
    let (clock, service) = (TestClock::new(), Service::new(Algorithm::ES256));
    let logins = logins(&service, &clock, LoginsBuilder::transparent_renewal);
    let auth = logins.authenticator::<User>().build().unwrap();
    run(async {
        let attempt = logins.attempt(&http::Request::post("/").body(()).unwrap()).unwrap();
        let login = attempt.log_in(&alice()).await.unwrap();
        let pairs =
            login.headers().get_all("set-cookie").iter().filter_map(|cookie| cookie.to_str().ok()?.split(';').next());
        let cookie = pairs.collect::<Vec<_>>().join("; ");
        let request = http::Request::get("/me").header("cookie", cookie).header("sec-fetch-site", "same-origin");
        let request = request.body(()).unwrap();
        clock.advance(Duration::from_secs(3600));
        let status = async || match auth.outcome(&request) {
            Ok(outcome) => outcome.result().map_or_else(|error| auth.answer(&error).status.as_u16(), |_| 200),
            Err(waiting) => waiting.await.result().map_or_else(|error| auth.answer(&error).status.as_u16(), |_| 200),
        };
        for how in FAILURES {
            service.now(how);
            assert_eq!(status().await, 503);
        }
        service.now(How::Works);
        assert_eq!(status().await, 200);
    });
}
