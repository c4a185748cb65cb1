use jwt_core::key::KeyError;
use jwt_core::{Algorithm, Authenticator, KeySet, SigningKey, Verifier, VerifyingKey};

/// One algorithm for each way in which PEM and DER are read: all of them would take several times as long.
const KINDS: [Algorithm; 7] = [
    Algorithm::HS256,
    Algorithm::RS256,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES512,
    Algorithm::EdDSA,
    Algorithm::MlDsa44,
];

/// Loads the input as every kind of key, for every kind of algorithm.
pub fn key_set(data: &[u8]) -> bool {
    let mut accepted = false;
    for algorithm in KINDS {
        let is_text = data.starts_with(b"{") || data.starts_with(b"-----");
        let der = (!is_text).then(|| VerifyingKey::der(algorithm, data).ok()).flatten();
        for key in VerifyingKey::pem(algorithm, data).into_iter().chain(der) {
            assert_eq!((key.algorithm(), key.kid()), (algorithm, None));
            assert!(!algorithm.as_str().starts_with("HS"), "a public key is loaded as a secret");
            assert_proves_nothing(key);
            accepted = true;
        }
        if let Ok(key) = SigningKey::pem(algorithm, data) {
            assert_signs(&key);
            accepted = true;
        }
    }
    if let Ok(text) = std::str::from_utf8(data) {
        accepted |= json_web_keys(text);
        for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            let verifying = VerifyingKey::secret_base64(algorithm, text);
            assert_eq!(verifying.is_ok(), SigningKey::secret_base64(algorithm, text).is_ok());
            verifying.into_iter().for_each(assert_proves_nothing);
        }
    }
    accepted
}

fn json_web_keys(text: &str) -> bool {
    let mut accepted = false;
    let usual = KeySet::jwks(text);
    let all = KeySet::jwks_allowing(text, Algorithm::ALL);
    if let Ok(usual) = &usual {
        let all = all.as_ref().expect("a set that is used without restriction is used with all algorithms allowed");
        assert!(!usual.keys().is_empty() && usual.keys().len() <= all.keys().len());
    }
    for key in all.iter().chain(&usual).flat_map(KeySet::keys) {
        assert_proves_nothing(key.clone());
        accepted = true;
    }
    for algorithm in KINDS {
        let Ok(key) = SigningKey::jwk(algorithm, text) else { continue };
        assert_signs(&key);
        accepted = true;
    }
    for algorithm in Algorithm::ALL.iter().copied() {
        let (key, lenient) = (VerifyingKey::jwk(algorithm, text), VerifyingKey::lenient_jwk(algorithm, text));
        // The way out is for a spelling that is named, and for nothing else.
        let is_good_or_misspelled = matches!(key, Ok(_) | Err(KeyError::Misspelled));
        assert_eq!(lenient.is_ok(), is_good_or_misspelled, "{key:?} {lenient:?}");
        lenient.into_iter().for_each(assert_proves_nothing);
        let Ok(key) = key else { continue };
        // What is a key alone is the same key in a set.
        let set = KeySet::jwks_allowing(format!("{{\"keys\":[{text}]}}"), &[algorithm]).expect("a set of a good key");
        let [of_set] = set.keys() else { panic!("{} keys out of one", set.keys().len()) };
        assert_eq!((of_set.algorithm(), of_set.kid()), (key.algorithm(), key.kid()));
        assert_proves_nothing(key);
        accepted = true;
    }
    accepted
}

/// A key that was loaded is used without a panic, and a signature of zeros does not hold under it.
fn assert_proves_nothing(key: VerifyingKey) {
    let header = serde_json::json!({"alg": key.algorithm().as_str()}).to_string();
    let verifier = verifier(key);
    let [header, claims] = [header.as_bytes(), b"{}"].map(encode);
    for len in [1, 32, 64, 96, 132, 256, 512, 2420] {
        let signature = encode(&vec![0; len]);
        assert!(verifier.verify(format!("{header}.{claims}.{signature}")).is_err(), "a signature of zeros holds");
    }
}

/// A private key that was loaded signs, and its public half proves it.
fn assert_signs(key: &SigningKey) {
    let token = key.sign(&serde_json::json!({"sub": "alice"})).expect("a key that was loaded signs");
    assert!(verifier(key.verifying_key()).verify(token).is_ok(), "the public half is that of another key");
}

fn verifier(key: VerifyingKey) -> Verifier<()> {
    let builder = Authenticator::builder().keys(key).any_audience().dangerous_allow_tokens_without_expiry();
    builder.build_verifier().expect("it is configured completely")
}

fn encode(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}
