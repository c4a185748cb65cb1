//! What is no key, or not the one that is wanted: each is refused by an error of its own that says what to do, and
//! shows nothing of the key.

use acceptance::{SECRET, key_bytes, key_file};
use jwt_core::key::{KeyError, NotASecret};
use jwt_core::{Algorithm, CsrfTokens, KeySet, SigningKey, VerifyingKey};

fn verifying(algorithm: Algorithm, pem: impl AsRef<[u8]>) -> KeyError {
    discreet(VerifyingKey::pem(algorithm, pem.as_ref()).unwrap_err(), pem.as_ref())
}

fn signing(algorithm: Algorithm, pem: impl AsRef<[u8]>) -> KeyError {
    discreet(SigningKey::pem(algorithm, pem.as_ref()).unwrap_err(), pem.as_ref())
}

/// The error, if it shows no line of the key.
fn discreet(error: KeyError, pem: &[u8]) -> KeyError {
    let printed = format!("{error} {error:?}");
    let pem = String::from_utf8_lossy(pem);
    for line in pem.lines().filter(|line| line.len() >= 16 && !line.starts_with("-----")) {
        assert!(!printed.contains(line), "{printed}");
    }
    error
}

fn refused(name: &str) -> String {
    key_file(&format!("refused/{name}"))
}

/// An algorithm that the pure-Rust backend has too, of each kind.
const ALGORITHMS: [Algorithm; 5] =
    [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA];

#[test]
fn a_key_is_loaded_for_no_algorithm_of_another_kind() {
    for (name, own) in [
        ("rsa", &[Algorithm::RS256, Algorithm::PS256][..]),
        ("p256", &[Algorithm::ES256]),
        ("p384", &[Algorithm::ES384]),
        ("ed25519", &[Algorithm::EdDSA]),
    ] {
        for algorithm in ALGORITHMS.into_iter().chain([Algorithm::HS256]).filter(|one| !own.contains(one)) {
            for file in [format!("{name}.pub.pem"), format!("{name}.cert.pem")] {
                assert_eq!(verifying(algorithm, key_file(&file)), KeyError::WrongKind(algorithm), "{file}");
            }
            let private = signing(algorithm, key_file(&format!("{name}.pem")));
            assert_eq!(private, KeyError::WrongKind(algorithm), "{name}");
        }
    }
    assert_eq!(signing(Algorithm::ES256, key_file("rsa.pkcs1.pem")), KeyError::WrongKind(Algorithm::ES256));
    assert_eq!(verifying(Algorithm::ES256, key_file("rsa.pkcs1.pub.pem")), KeyError::WrongKind(Algorithm::ES256));
    assert_eq!(VerifyingKey::secret(Algorithm::RS256, SECRET).unwrap_err(), KeyError::WrongKind(Algorithm::RS256));
    assert_eq!(
        VerifyingKey::der(Algorithm::ES256, key_bytes("rsa.spki.der")).unwrap_err(),
        KeyError::WrongKind(Algorithm::ES256)
    );
}

#[test]
fn a_key_of_a_kind_that_nothing_here_uses_is_named() {
    for (name, said) in [
        ("ed448", "Ed448"),
        ("x25519", "X25519"),
        ("x448", "X448"),
        ("secp256k1", "secp256k1"),
        ("p224", "another curve"),
        ("p256.explicit", "a curve without a name"),
        ("rsa-pss", "PS256 takes a plain RSA key"),
        ("dsa", "DSA"),
    ] {
        for algorithm in ALGORITHMS {
            let public = verifying(algorithm, refused(&format!("{name}.pub.pem")));
            let private = signing(algorithm, refused(&format!("{name}.pem")));
            for error in [public, private] {
                assert!(matches!(error, KeyError::UnsupportedKind(_)), "{name} {algorithm}: {error:?}");
                let text = error.to_string();
                assert!(
                    text.contains(said) && text.contains("use RSA, P-256, P-384, P-521, Ed25519 or ML-DSA"),
                    "{text}"
                );
            }
        }
    }
}

#[test]
fn a_private_rsa_key_that_is_too_small_is_refused_for_its_size() {
    for name in ["rsa1024.pem", "rsa1024.pkcs1.pem"] {
        for algorithm in [Algorithm::RS256, Algorithm::PS512] {
            let error = signing(algorithm, refused(name));
            assert_eq!(error, KeyError::RsaSize { bits: 1024 }, "{name}");
            assert!(error.to_string().contains("use 2048 to 8192 bits"), "{error}");
        }
    }
}

#[test]
fn an_encrypted_private_key_is_to_be_decrypted_first() {
    for (algorithm, name) in [
        (Algorithm::ES256, "p256.encrypted.pem"),
        (Algorithm::ES256, "p256.sec1.encrypted.pem"),
        (Algorithm::RS256, "rsa.pkcs1.encrypted.pem"),
    ] {
        let error = signing(algorithm, refused(name));
        assert_eq!(error, KeyError::Encrypted, "{name}");
        assert!(error.to_string().contains("openssl pkey -in key.pem -out plain.pem"), "{error}");
        assert_eq!(verifying(algorithm, refused(name)), KeyError::Private, "{name}");
    }
}

#[test]
fn a_private_key_in_a_form_that_is_not_read_is_to_be_converted() {
    for (algorithm, pem) in [
        (Algorithm::ES256, key_file("p256.sec1.pem")),
        // Behind its parameters, as `openssl ecparam -genkey` writes it.
        (Algorithm::ES256, refused("p256.with-parameters.pem")),
        (Algorithm::EdDSA, refused("ed25519.openssh.pem")),
    ] {
        let error = signing(algorithm, pem);
        assert_eq!(error, KeyError::NotPkcs8);
        let text = error.to_string();
        assert!(text.contains("openssl pkcs8 -topk8") && text.contains("ssh-keygen -p -m PKCS8"), "{text}");
    }
}

#[test]
fn one_half_of_a_key_does_not_stand_for_the_other() {
    for pem in ["rsa.pem", "rsa.pkcs1.pem", "p256.sec1.pem", "p256.pem", "ed25519.pem"] {
        let error = verifying(Algorithm::RS256, key_file(pem));
        assert_eq!(error, KeyError::Private, "{pem}");
        assert!(error.to_string().contains("openssl pkey -in key.pem -pubout"), "{error}");
    }
    let der = pem_contents(&key_file("p256.pem"));
    assert_eq!(VerifyingKey::der(Algorithm::ES256, der).unwrap_err(), KeyError::Private);
    for pem in ["rsa.pub.pem", "rsa.pkcs1.pub.pem", "p256.pub.pem"] {
        assert_eq!(signing(Algorithm::RS256, key_file(pem)), KeyError::NotPrivate, "{pem}");
    }
    let error = signing(Algorithm::RS256, key_file("rsa.cert.pem"));
    assert_eq!(error, KeyError::Certificate);
    assert!(error.to_string().contains("give the private key that belongs to it"), "{error}");
}

#[test]
fn what_is_no_pem_of_a_key_is_told_apart() {
    for (text, expected) in [
        (String::new(), KeyError::EmptyInput),
        (" \r\n\t\n".to_owned(), KeyError::EmptyInput),
        ("nonsense, as good as any".to_owned(), KeyError::NotPem),
        (key_file("jwks.json"), KeyError::NotPem),
        (key_file("p256.pub.pem").replace("-----END", ""), KeyError::NotPem),
        (key_file("p256.pub.pem").replace('M', "!"), KeyError::NotPem),
        // What becomes of it in many an environment variable.
        (key_file("p256.pem").replace('\n', "\\n"), KeyError::NotPem),
        (refused("p256.csr.pem"), KeyError::OtherPem),
        ("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n".to_owned(), KeyError::NotPem),
    ] {
        assert_eq!(verifying(Algorithm::ES256, &text), expected, "{text}");
        assert_eq!(signing(Algorithm::ES256, &text), expected, "{text}");
    }
    assert!(KeyError::EmptyInput.to_string().contains("is it the right file"));
    assert!(KeyError::NotPem.to_string().contains("have not become `\\n` in text"), "{}", KeyError::NotPem);
    assert!(KeyError::OtherPem.to_string().contains("to verify, give PUBLIC KEY"));
    for label in ["PUBLIC KEY", "RSA PUBLIC KEY", "CERTIFICATE"] {
        let empty = format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n");
        assert_eq!(verifying(Algorithm::RS256, empty), KeyError::Der, "{label}");
    }
    for (algorithm, label) in [(Algorithm::ES256, "PRIVATE KEY"), (Algorithm::RS256, "RSA PRIVATE KEY")] {
        let empty = format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n");
        assert_eq!(signing(algorithm, empty), KeyError::Der, "{label}");
    }
    assert_eq!(VerifyingKey::der(Algorithm::RS256, []).unwrap_err(), KeyError::EmptyInput);
    assert_eq!(VerifyingKey::der(Algorithm::RS256, b"nonsense").unwrap_err(), KeyError::Der);
}

#[test]
fn a_damaged_key_is_refused_wherever_the_damage_is() {
    for (algorithm, name) in [(Algorithm::RS256, "rsa"), (Algorithm::ES256, "p256"), (Algorithm::EdDSA, "ed25519")] {
        for file in [format!("{name}.pem"), format!("{name}.pub.pem")] {
            let der = pem_contents(&key_file(&file));
            let label = if file.contains("pub") { "PUBLIC KEY" } else { "PRIVATE KEY" };
            for length in (0..der.len()).step_by(7) {
                let base64 = base64_simd::STANDARD.encode_to_string(&der[..length]);
                let pem = format!("-----BEGIN {label}-----\n{base64}\n-----END {label}-----\n");
                if label == "PUBLIC KEY" {
                    verifying(algorithm, pem);
                } else {
                    signing(algorithm, pem);
                }
            }
        }
    }
}

#[test]
fn of_several_keys_in_one_text_none_is_taken() {
    let (one, other) = (key_file("p256.pub.pem"), key_file("ed25519.pub.pem"));
    let (private, certificate) = (key_file("p256.pem"), key_file("p256.cert.pem"));
    for text in [format!("{one}{other}"), format!("{one}{one}"), format!("{certificate}{certificate}")] {
        let error = verifying(Algorithm::ES256, text);
        assert_eq!(error, KeyError::SeveralBlocks { blocks: 2 });
        assert!(error.to_string().contains("`KeySet::new`"), "{error}");
    }
    let both = format!("{private}{certificate}{one}");
    assert_eq!(signing(Algorithm::ES256, &both), KeyError::SeveralBlocks { blocks: 3 });
    assert_eq!(verifying(Algorithm::ES256, &both), KeyError::SeveralBlocks { blocks: 3 });
}

#[test]
fn line_breaks_of_either_kind_and_text_around_a_key_do_no_harm() {
    let (public, private) = (key_file("p256.pub.pem"), key_file("p256.pem"));
    for dress in [
        |pem: &str| pem.replace('\n', "\r\n"),
        |pem: &str| pem.trim_end().to_owned(),
        |pem: &str| format!("subject=CN = example\nissuer=CN = example\n\n{pem}\nthe end\n"),
        |pem: &str| format!("\u{feff}{pem}"),
    ] {
        let key = SigningKey::pem(Algorithm::ES256, dress(&private)).unwrap();
        VerifyingKey::pem(Algorithm::ES256, dress(&public)).unwrap();
        key.sign(&acceptance::good_claims()).unwrap();
    }
}

fn pem_contents(pem: &str) -> Vec<u8> {
    let base64: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    base64_simd::STANDARD.decode_to_vec(base64).unwrap()
}

/// What each place that takes a secret says of one: the same.
fn as_secret(secret: &[u8]) -> NotASecret {
    let (encoded, algorithm) = (base64_simd::STANDARD.encode_to_string(secret), Algorithm::HS256);
    let jwk = serde_json::json!({"kty": "oct", "alg": "HS256", "k": acceptance::base64url(secret)}).to_string();
    let errors = [
        KeySet::hs256(secret).map(drop),
        VerifyingKey::secret(algorithm, secret).map(drop),
        VerifyingKey::secret(Algorithm::HS512, secret).map(drop),
        VerifyingKey::secret_base64(algorithm, &encoded).map(drop),
        VerifyingKey::jwk(algorithm, &jwk).map(drop),
        SigningKey::secret(algorithm, secret).map(drop),
        SigningKey::secret_base64(algorithm, &encoded).map(drop),
        SigningKey::jwk(algorithm, &jwk).map(drop),
        CsrfTokens::new(secret).map(drop),
    ];
    let kinds = errors.map(|result| match result {
        Err(KeyError::NotASecret(kind)) => kind,
        other => panic!("{other:?}: {}", String::from_utf8_lossy(secret)),
    });
    assert!(kinds.iter().all(|kind| *kind == kinds[0]), "{kinds:?}");
    kinds[0]
}

#[test]
fn no_key_and_no_address_is_a_secret_for_hmac() {
    let set: serde_json::Value = serde_json::from_str(&key_file("jwks.json")).unwrap();
    let jwk = set["keys"][0].to_string();
    for (text, expected, instead) in [
        (key_file("rsa.pub.pem"), NotASecret::Pem, "KeySet::rs256_pem"),
        (key_file("rsa.pkcs1.pub.pem"), NotASecret::Pem, "KeySet::rs256_pem"),
        (key_file("p256.pub.pem"), NotASecret::Pem, "KeySet::es256_pem"),
        (key_file("ed25519.pub.pem"), NotASecret::Pem, "KeySet::ed25519_pem"),
        (key_file("rsa.cert.pem"), NotASecret::Certificate, "VerifyingKey::pem"),
        (key_file("rsa.pem"), NotASecret::PrivatePem, "SigningKey::pem"),
        (refused("ed25519.openssh.pem"), NotASecret::Ssh, "ssh-keygen"),
        (key_file("jwks.json"), NotASecret::JwkSet, "KeySet::jwks"),
        (jwk, NotASecret::Jwk, "VerifyingKey::jwk"),
        ("https://login.example.com/jwks.json?k=1".to_owned(), NotASecret::Address, "RemoteKeySet::jwks"),
    ] {
        for dressed in [
            text.clone(),
            text.replace('\n', "\r\n"),
            text.replace('\n', "\\n"),
            format!("\u{feff}\n  {text}\n"),
            base64_simd::STANDARD.encode_to_string(&text),
        ] {
            assert_eq!(as_secret(dressed.as_bytes()), expected, "{dressed}");
        }
        let error = discreet(KeySet::hs256(&text).unwrap_err(), text.as_bytes());
        assert!(error.to_string().contains(instead), "{error}");
    }
    for (file, expected) in [("rsa.spki.der", NotASecret::Der), ("rsa.cert.der", NotASecret::Certificate)] {
        let der = key_bytes(file);
        assert_eq!(as_secret(&der), expected);
        assert_eq!(as_secret(base64_simd::STANDARD.encode_to_string(&der).as_bytes()), expected);
    }
    for secret in [SECRET, b"correct horse battery staple correct horse", &[0x30; 64], &[4; 65]] {
        KeySet::hs256(secret).unwrap();
    }
}
