use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, KeyPair,
};
use jwt_core::issue::{IssueError, RemoteSigningKey, Signer, SignerError, Signing, SigningInput};
use jwt_core::{Algorithm, Issuer};
use tokio::runtime::{Builder, Runtime};

/// What became of the bytes that a service gave.
#[derive(Default)]
struct Seen {
    given: Vec<u8>,
    mask: bool,
    is_real: bool,
    is_read: bool,
}

/// A service that answers in DER: what it is told, or a real signature with that on top of it.
struct Service {
    key: EcdsaKeyPair,
    seen: Arc<Mutex<Seen>>,
}

impl Signer for Service {
    fn sign<'a>(&'a self, input: SigningInput<'a>) -> Signing<'a> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let real = self.key.sign(&SystemRandom::new(), input.message()).expect("there are random numbers");
        let real = real.as_ref();
        if seen.mask {
            let given = seen.given.clone();
            seen.given = real.to_vec();
            seen.given.iter_mut().zip(given).for_each(|(byte, mask)| *byte ^= mask);
        }
        let length = match input.algorithm() {
            Algorithm::ES256 => 32,
            Algorithm::ES384 => 48,
            _ => 66,
        };
        let raw = input.raw_signature(&seen.given);
        seen.is_read = raw.is_ok();
        seen.is_real = seen.given == real;
        if let Some(numbers) = strict(&seen.given) {
            // What is DER to the letter is read, if and only if it fits the curve.
            let fits = numbers.iter().all(|number| number.len() <= length);
            assert_eq!(raw.is_ok(), fits, "strict DER");
            let padded = numbers.map(|number| [&vec![0; length.saturating_sub(number.len())], number].concat());
            assert!(!fits || raw == Ok(padded.concat()), "the numbers are others");
        }
        if let Ok(raw) = &raw {
            assert_eq!(raw.len(), 2 * length);
            let again = input.raw_signature(&written(&raw[..length], &raw[length..]));
            assert_eq!(again.as_ref(), Ok(raw), "another signature, read from the same numbers");
        }
        Box::pin(async move { raw })
    }
}

struct Place {
    issuer: Issuer,
    seen: Arc<Mutex<Seen>>,
}

static PLACES: LazyLock<[Place; 3]> = LazyLock::new(|| {
    let place = |algorithm: Algorithm, signing: &'static EcdsaSigningAlgorithm| {
        let key = EcdsaKeyPair::generate(signing).expect("there are random numbers");
        let public = key.public_key().as_der().expect("it can be written").as_ref().to_vec();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let key = RemoteSigningKey::der(algorithm, public, Service { key, seen: seen.clone() }).expect("it is a key");
        let issuer = Issuer::builder("https://issuer.example.com").audience("api").signing_key(key).build();
        Place { issuer: issuer.expect("it is configured completely"), seen }
    };
    [
        place(Algorithm::ES256, &ECDSA_P256_SHA256_ASN1_SIGNING),
        place(Algorithm::ES384, &ECDSA_P384_SHA384_ASN1_SIGNING),
        place(Algorithm::ES512, &ECDSA_P521_SHA512_ASN1_SIGNING),
    ]
});

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_time().build().expect("there is a clock"));

/// A signature in DER, as a service with the key gives it. The first byte chooses the curve and whether the others are the
/// signature, or change the bits of a real one. True where it can be read.
pub fn remote_signature(data: &[u8]) -> bool {
    let Some((first, given)) = data.split_first() else { return false };
    let Place { issuer, seen } = &PLACES[usize::from(first & 0x7f) % 3];
    let see = || seen.lock().unwrap_or_else(PoisonError::into_inner);
    *see() = Seen { given: given.to_vec(), mask: first & 0x80 != 0, ..Seen::default() };
    let token = RUNTIME.block_on(issuer.sign_async(&serde_json::json!({"sub": "alice"})));
    let seen = see();
    match token {
        Ok(token) => assert!(
            seen.is_read
                && issuer
                    .authenticator::<()>()
                    .build_verifier()
                    .is_ok_and(|verifier| { verifier.verify(token.as_str()).is_ok() })
        ),
        Err(IssueError::Signer(SignerError::WrongSignature)) => assert!(!seen.is_real, "a real signature is refused"),
        Err(error) => panic!("{error}"),
    }
    seen.is_read
}

/// `r` and `s` of what is DER to the letter (X.690 §10.1, §8.3.2), without the sign byte.
fn strict(der: &[u8]) -> Option<[&[u8]; 2]> {
    let body = match der {
        [0x30, length @ 0..=0x7f, body @ ..] if body.len() == usize::from(*length) => body,
        [0x30, 0x81, length @ 0x80..=0xff, body @ ..] if body.len() == usize::from(*length) => body,
        _ => return None,
    };
    let (r, rest) = integer(body)?;
    let (s, rest) = integer(rest)?;
    rest.is_empty().then_some([r, s])
}

fn integer(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let [0x02, length @ 1..=0x7f, rest @ ..] = der else { return None };
    let (number, rest) = rest.split_at_checked(usize::from(*length))?;
    match number {
        [0] => Some((&[], rest)),
        [0, 0x80..=0xff, ..] => Some((&number[1..], rest)),
        [1..=0x7f, ..] => Some((number, rest)),
        _ => None,
    }
}

fn written(r: &[u8], s: &[u8]) -> Vec<u8> {
    let integer = |number: &[u8]| {
        let mut number: Vec<u8> = number.iter().copied().skip_while(|byte| *byte == 0).collect();
        if number.first().is_none_or(|first| *first >= 0x80) {
            number.insert(0, 0);
        }
        [&[0x02, u8::try_from(number.len()).expect("it is short")][..], &number].concat()
    };
    let body = [integer(r), integer(s)].concat();
    let length = u8::try_from(body.len()).expect("it is short");
    let head = if length < 0x80 { vec![0x30, length] } else { vec![0x30, 0x81, length] };
    [head, body].concat()
}
