//! In which forms keys are read, and which are refused with which advice.

use acceptance::{SECRET, Stopped, User, good_claims, key_bytes, key_file};
use jwt_core::error::TokenError;
use jwt_core::key::{KeyError, KeySource};
use jwt_core::{Algorithm, AuthError, Authenticator, KeySet, SigningKey, VerifyingKey};
use serde_json::{Value, json};

#[track_caller]
fn assert_verifies(keys: impl Into<KeySource>, token: &str) {
    let verifier = Authenticator::<User>::builder().keys(keys).any_audience().clock(Stopped).build_verifier().unwrap();
    assert_eq!(verifier.verify(token).unwrap().sub, "alice");
}

fn signed(algorithm: Algorithm, pem: &str) -> String {
    SigningKey::pem(algorithm, key_file(pem)).unwrap().sign(&good_claims()).unwrap()
}

fn jwk(kid: &str) -> Value {
    let set: Value = serde_json::from_str(&key_file("jwks.json")).unwrap();
    set["keys"].as_array().unwrap().iter().find(|key| key["kid"] == kid).unwrap().clone()
}

fn jwk_with(kid: &str, member: &str, value: Value) -> Value {
    let mut jwk = jwk(kid);
    jwk[member] = value;
    jwk
}

fn set(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

#[test]
fn a_public_key_is_read_from_spki_pkcs1_and_a_certificate_in_pem_and_der() {
    let token = signed(Algorithm::RS256, "rsa.pem");
    for pem in ["rsa.pub.pem", "rsa.pkcs1.pub.pem", "rsa.cert.pem"] {
        assert_verifies(VerifyingKey::pem(Algorithm::RS256, key_file(pem)).unwrap(), &token);
    }
    for file in ["rsa.spki.der", "rsa.cert.der"] {
        assert_verifies(VerifyingKey::der(Algorithm::RS256, key_bytes(file)).unwrap(), &token);
    }
    for (algorithm, name) in [(Algorithm::ES256, "p256"), (Algorithm::ES384, "p384"), (Algorithm::EdDSA, "ed25519")] {
        let token = signed(algorithm, &format!("{name}.pem"));
        for form in ["pub", "cert"] {
            assert_verifies(VerifyingKey::pem(algorithm, key_file(&format!("{name}.{form}.pem"))).unwrap(), &token);
        }
    }
}

#[test]
fn a_private_rsa_key_is_read_from_pkcs1_too() {
    let token = signed(Algorithm::PS256, "rsa.pkcs1.pem");
    assert_verifies(VerifyingKey::pem(Algorithm::PS256, key_file("rsa.pub.pem")).unwrap(), &token);
}

#[test]
fn a_jwk_set_serves_every_kind_of_key() {
    let keys = KeySet::jwks(key_file("jwks.json")).unwrap();
    for (algorithm, name) in [
        (Algorithm::RS256, "rsa"),
        (Algorithm::ES256, "p256"),
        (Algorithm::ES384, "p384"),
        (Algorithm::EdDSA, "ed25519"),
        (Algorithm::Ed25519, "ed25519"),
    ] {
        let key = SigningKey::pem(algorithm, key_file(&format!("{name}.pem"))).unwrap().with_kid(name);
        assert_verifies(keys.clone(), &key.sign(&good_claims()).unwrap());
    }
}

#[test]
fn a_secret_is_read_from_bytes_base64_and_a_jwk() {
    let token = SigningKey::secret(Algorithm::HS256, SECRET).unwrap().sign(&good_claims()).unwrap();
    assert_verifies(VerifyingKey::secret(Algorithm::HS256, SECRET).unwrap(), &token);
    let padded = base64_simd::STANDARD.encode_to_string(SECRET);
    for text in [padded.as_str(), padded.trim_end_matches('='), &acceptance::base64url(SECRET)] {
        assert_verifies(VerifyingKey::secret_base64(Algorithm::HS256, text).unwrap(), &token);
    }
    let jwk = json!({"kty": "oct", "k": acceptance::base64url(SECRET)});
    assert_verifies(VerifyingKey::jwk(Algorithm::HS256, &jwk.to_string()).unwrap(), &token);
    assert_verifies(KeySet::jwks(set(&[jwk])).unwrap(), &token);
}

#[test]
fn weak_keys_are_refused_with_advice() {
    for (algorithm, needed) in [(Algorithm::HS256, 32), (Algorithm::HS384, 48), (Algorithm::HS512, 64)] {
        let error = VerifyingKey::secret(algorithm, vec![7; needed - 1]).unwrap_err();
        assert_eq!(error, KeyError::WeakSecret { algorithm, bytes: needed - 1, needed });
        assert!(error.to_string().contains(&format!("openssl rand -base64 {needed}")), "{error}");
        assert!(VerifyingKey::secret(algorithm, vec![7; needed]).is_ok());
        assert_eq!(
            SigningKey::secret(algorithm, []).unwrap_err(),
            KeyError::WeakSecret { algorithm, bytes: 0, needed }
        );
    }
    let error = VerifyingKey::pem(Algorithm::RS256, key_file("rsa1024.pub.pem")).unwrap_err();
    assert_eq!(error, KeyError::RsaSize { bits: 1024 });
    for e in ["AQ", "AAAB", "Ag", "AA", ""] {
        assert!(VerifyingKey::jwk(Algorithm::RS256, &jwk_with("rsa", "e", e.into()).to_string()).is_err(), "{e}");
    }
}

#[test]
fn an_ed25519_key_under_which_anybody_can_sign_is_refused() {
    let one = [&[1][..], &[0; 31]].concat();
    let minus_one = [&[0xec][..], &[0xff; 30], &[0x7f]].concat();
    for point in [vec![0; 32], one.clone(), minus_one, [&one[..31], &[0x80]].concat()] {
        let jwk = jwk_with("ed25519", "x", acceptance::base64url(point).into());
        assert_eq!(VerifyingKey::jwk(Algorithm::EdDSA, &jwk.to_string()).unwrap_err(), KeyError::SmallOrder);
    }
}

#[test]
fn deeply_nested_der_is_refused_and_never_overflows_the_stack() {
    for depth in [10, 16, 17, 400, 2100, 20_000] {
        let mut der = Vec::new();
        for _ in 0..depth {
            let [_, high, middle, low] = u32::try_from(der.len()).unwrap().to_be_bytes();
            let header = match der.len() {
                0..=0x7f => vec![0x30, low],
                0x80..=0xff => vec![0x30, 0x81, low],
                0x100..=0xffff => vec![0x30, 0x82, middle, low],
                _ => vec![0x30, 0x83, high, middle, low],
            };
            der.splice(0..0, header);
        }
        let base64 = base64_simd::STANDARD.encode_to_string(&der);
        for label in ["PUBLIC KEY", "RSA PUBLIC KEY", "CERTIFICATE", "PRIVATE KEY"] {
            let pem = format!("-----BEGIN {label}-----\n{base64}\n-----END {label}-----\n");
            assert!(VerifyingKey::pem(Algorithm::RS256, &pem).is_err());
            assert!(SigningKey::pem(Algorithm::RS256, &pem).is_err());
        }
        assert!(VerifyingKey::der(Algorithm::RS256, &der).is_err());
    }
}

#[test]
fn a_certificate_is_read_whoever_issued_it_and_whatever_its_subject() {
    let token = signed(Algorithm::RS256, "rsa.pem");
    for pem in ["rsa.by-ed25519.cert.pem", "rsa.no-subject.cert.pem"] {
        assert_verifies(VerifyingKey::pem(Algorithm::RS256, key_file(pem)).unwrap(), &token);
    }
}

#[test]
fn an_algorithm_that_the_backend_lacks_is_an_error_when_the_key_is_loaded() {
    for algorithm in [Algorithm::ES512, Algorithm::MlDsa44, Algorithm::MlDsa65, Algorithm::MlDsa87] {
        let name = acceptance::named_key(algorithm).unwrap();
        let result = VerifyingKey::pem(algorithm, key_file(&format!("{name}.pub.pem")));
        if cfg!(feature = "aws-lc-rs") {
            assert_verifies(result.unwrap(), &signed(algorithm, &format!("{name}.pem")));
            continue;
        }
        let lacking = KeyError::NotInThisBackend(algorithm);
        assert_eq!(result.unwrap_err(), lacking);
        assert_eq!(VerifyingKey::jwk(algorithm, &jwk(name).to_string()).unwrap_err(), lacking);
        assert_eq!(SigningKey::jwk(algorithm, &private_jwk(name).to_string()).unwrap_err(), lacking);
        assert_eq!(SigningKey::pem(algorithm, key_file(&format!("{name}.pem"))).unwrap_err(), lacking);
        assert_eq!(SigningKey::generate(algorithm).unwrap_err(), lacking);
        assert!(lacking.to_string().contains("build with the feature `aws-lc-rs`"), "{lacking}");
    }
}

#[test]
fn odd_keys_of_a_set_are_skipped_and_reported() {
    let keys = KeySet::jwks(set(&[
        jwk_with("rsa", "use", "enc".into()),
        jwk_with("rsa", "key_ops", json!(["sign", "encrypt"])),
        json!({"kty": "unknown", "kid": "u"}),
        json!({"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"}),
        json!({"kty": "OKP", "crv": "X25519", "x": "AA"}),
        json!({"kty": "oct", "k": "c2hvcnQ"}),
        json!({"kty": "RSA", "n": "!!", "e": "AQAB"}),
        json!({"kid": "no kty"}),
        json!("no object"),
        jwk_with("rsa", "alg", "RSA-OAEP".into()),
        jwk_with("rsa", "alg", "ES256".into()),
        jwk_with("rsa", "alg", 5.into()),
        jwk_with("p256", "x", "AAAA".into()),
        jwk_with("ed25519", "x", "AAAA".into()),
        jwk("p256"),
    ]))
    .unwrap();
    assert_eq!(keys.keys().len(), 1);
    let skipped: Vec<(usize, &KeyError)> = keys.skipped().iter().map(|key| (key.index, &key.reason)).collect();
    assert_eq!(skipped.iter().map(|(index, _)| *index).collect::<Vec<_>>(), (0..14).collect::<Vec<_>>());
    assert_eq!(*skipped[0].1, KeyError::NotForVerification);
    assert_eq!(*skipped[1].1, KeyError::NotForVerification);
    assert_eq!(*skipped[2].1, KeyError::Unsupported);
    assert!(matches!(skipped[5].1, KeyError::WeakSecret { bytes: 5, .. }));
    assert_eq!(keys.skipped()[2].kid.as_deref(), Some("u"));
}

#[test]
fn duplicate_members_of_a_jwk_are_malformed() {
    let text = jwk("p256").to_string().replacen('{', r#"{"kty":"EC","#, 1);
    assert_eq!(VerifyingKey::jwk(Algorithm::ES256, &text).unwrap_err(), KeyError::Jwk);
}

#[test]
fn a_byte_order_mark_in_front_of_a_jwk_is_read_over() {
    let marked = |text: String| format!("\u{feff}{text}\r\n");
    let count = |json: String| KeySet::jwks(json).unwrap().keys().len();
    assert_eq!(count(marked(key_file("jwks.json"))), count(key_file("jwks.json")));
    let token = signed(Algorithm::ES256, "p256.pem");
    assert_verifies(VerifyingKey::jwk(Algorithm::ES256, &marked(jwk("p256").to_string())).unwrap(), &token);
    let secret = json!({"kty": "oct", "k": "A".repeat(64), "alg": "HS256"}).to_string();
    assert!(SigningKey::jwk(Algorithm::HS256, &marked(secret)).is_ok());
    // Nowhere else.
    assert_eq!(KeySet::jwks(format!("{}\u{feff}", key_file("jwks.json"))).unwrap_err(), KeyError::JwkSet);
}

#[test]
fn mistakes_of_a_first_try_are_named() {
    let error = KeySet::jwks(jwk("p256").to_string()).unwrap_err().to_string();
    assert!(error.contains("`VerifyingKey::jwk(…)`"), "{error}");
    let error = KeySet::rs256_pem("/etc/keys/public.pem").unwrap_err().to_string();
    assert!(error.contains("give the text of the file and not its path"), "{error}");
    let error = KeySet::hs256("secret").unwrap_err().to_string();
    assert!(error.contains("`VerifyingKey::secret_base64(…)`"), "{error}");
}

#[test]
fn a_set_without_a_usable_key_is_an_error() {
    assert_eq!(KeySet::jwks(set(&[])).unwrap_err(), KeyError::Empty { skipped: [].into() });
    let error = KeySet::jwks(set(&[json!({}), json!({})])).unwrap_err();
    assert!(matches!(&error, KeyError::Empty { skipped } if skipped.len() == 2), "{error}");
    let error = KeySet::jwks_allowing(set(&[jwk("rsa")]), &[Algorithm::ES256]).unwrap_err();
    assert!(matches!(&error, KeyError::Empty { skipped } if skipped.len() == 1), "{error}");
    assert!(error.to_string().contains("for other algorithms than the one asked for"), "{error}");
    let mut encryption = jwk("p256");
    encryption["use"] = "enc".into();
    encryption["kid"] = "e\n1".into();
    let error = KeySet::jwks(set(&[json!({}), encryption])).unwrap_err().to_string();
    assert!(error.starts_with("no usable key: key 1: ") && error.contains("; key 2, \"e\\n1\": "), "{error}");
    assert_eq!(KeySet::jwks(set(&vec![json!({}); 20])).unwrap_err().to_string().matches("; ").count(), 8);
    for text in ["", "[]", "{}", "{\"keys\":{}}", "{\"keys\":[]}x", "{\"keys\":[],\"keys\":[]}"] {
        assert!(KeySet::jwks(text).is_err(), "{text}");
    }
    assert_eq!(KeySet::new([]).unwrap_err(), KeyError::Empty { skipped: [].into() });
}

#[test]
fn the_algorithm_comes_from_the_key_or_the_application_and_never_from_the_token() {
    let token = |algorithm| {
        SigningKey::pem(algorithm, key_file("rsa.pem")).unwrap().with_kid("rsa").sign(&good_claims()).unwrap()
    };
    let accepted = |keys: &KeySet| {
        let verifier =
            Authenticator::<User>::builder().keys(keys.clone()).any_audience().clock(Stopped).build_verifier().unwrap();
        [Algorithm::RS256, Algorithm::RS512, Algorithm::PS256]
            .map(|algorithm| verifier.verify(token(algorithm)).is_ok())
    };
    // Without `alg` and without a word of the application, an RSA key is an RS256 key.
    assert_eq!(accepted(&KeySet::jwks(set(&[jwk("rsa")])).unwrap()), [true, false, false]);
    let both = [Algorithm::RS256, Algorithm::PS256];
    assert_eq!(accepted(&KeySet::jwks_allowing(set(&[jwk("rsa")]), &both).unwrap()), [true, false, true]);
    let bound = set(&[jwk_with("rsa", "alg", "PS256".into())]);
    assert_eq!(accepted(&KeySet::jwks(&bound).unwrap()), [false, false, true]);
    assert_eq!(accepted(&KeySet::jwks_allowing(&bound, &both).unwrap()), [false, false, true]);
    assert!(KeySet::jwks_allowing(&bound, &[Algorithm::RS256]).is_err());
}

#[test]
fn where_a_key_names_no_algorithm_and_is_used_with_another_one_the_error_says_how_to_name_it() {
    let token = |kid: Option<&str>| {
        let key = SigningKey::pem(Algorithm::PS256, key_file("rsa.pem")).unwrap();
        kid.map_or(key.clone(), |kid| key.with_kid(kid)).sign(&good_claims()).unwrap()
    };
    let refused = |keys: KeySet, token: String| {
        let verifier = Authenticator::<User>::builder().keys(keys).any_audience().clock(Stopped).build_verifier();
        verifier.unwrap().verify(token).unwrap_err().to_string()
    };
    let named = set(&[jwk_with("rsa", "alg", "RS256".into()), jwk("p256")]);
    for kid in [None, Some("rsa")] {
        let error = refused(KeySet::jwks(set(&[jwk("p256"), jwk("rsa")])).unwrap(), token(kid));
        assert!(error.contains("signed by PS256") && error.contains("is used with RS256"), "{error}");
        assert!(error.contains(".algorithms([Algorithm::PS256])"), "{error}");
        // Where the key names another one, and where somebody said which are meant, it is no oversight.
        for keys in [KeySet::jwks(&named), KeySet::jwks_allowing(set(&[jwk("rsa")]), &[Algorithm::RS256])] {
            let error = refused(keys.unwrap(), token(kid));
            assert!(error.contains("no key accepts PS256"), "{error}");
        }
    }
}

#[test]
fn nothing_prints_a_secret() {
    let secret = "sixteen letters sixteen letters!";
    let signing = SigningKey::secret(Algorithm::HS256, secret).unwrap();
    let token = signing.sign(&good_claims()).unwrap();
    let builder = Authenticator::<User>::builder().keys(KeySet::hs256(secret).unwrap()).any_audience().clock(Stopped);
    let unused = format!("{signing:?} {builder:?}");
    let auth = builder.build().unwrap();
    let verified = auth.verifier().verify(&token).unwrap();
    let used = format!("{auth:?} {verified:?} {:?} {:?}", auth.verifier(), verified.token());
    let asymmetric = SigningKey::pem(Algorithm::RS256, key_file("rsa.pem")).unwrap();
    let public = KeySet::jwks_allowing(set(&[jwk("rsa")]), Algorithm::ALL).unwrap();
    let printed = format!("{unused} {used} {asymmetric:?} {public:?}");
    for part in [secret, "alice", "Alice"].into_iter().chain(token.split('.').skip(1)) {
        assert!(!printed.contains(part), "{part}: {printed}");
    }
    let as_bytes = format!("{:?}", secret.as_bytes());
    assert!(!printed.contains(as_bytes.trim_matches(['[', ']'])), "{printed}");
}

fn private_jwk(kid: &str) -> Value {
    let set: Value = serde_json::from_str(&key_file("private.jwks.json")).unwrap();
    set["keys"].as_array().unwrap().iter().find(|key| key["kid"] == kid).unwrap().clone()
}

/// With a member changed, or taken out by `null`.
fn private_jwk_with(kid: &str, member: &str, value: Value) -> String {
    let mut jwk = private_jwk(kid);
    match value {
        Value::Null => drop(jwk.as_object_mut().unwrap().remove(member)),
        value => jwk[member] = value,
    }
    jwk.to_string()
}

#[test]
fn a_private_key_is_read_from_a_jwk() {
    for algorithm in Algorithm::ALL.iter().copied() {
        let Some(name) = acceptance::named_key(algorithm) else { continue };
        if !acceptance::is_built_in(algorithm) {
            continue;
        }
        let key = SigningKey::jwk(algorithm, &private_jwk(name).to_string()).unwrap();
        assert_eq!(key.kid(), Some(name));
        let token = key.sign(&good_claims()).unwrap();
        assert_verifies(VerifyingKey::pem(algorithm, key_file(&format!("{name}.pub.pem"))).unwrap(), &token);
        assert_verifies(key.verifying_key(), &token);
    }
    let oct = json!({"kty": "oct", "k": acceptance::base64url(SECRET), "key_ops": ["sign", "verify"]});
    let key = SigningKey::jwk(Algorithm::HS256, &oct.to_string()).unwrap();
    assert_verifies(KeySet::hs256(SECRET).unwrap(), &key.sign(&good_claims()).unwrap());
}

#[test]
fn a_private_jwk_that_is_not_for_signing_or_not_whole_is_refused() {
    let other_x = private_jwk("ed25519")["d"].clone();
    let short = json!(acceptance::base64url([1; 31]));
    for (algorithm, jwk, expected) in [
        (Algorithm::RS256, private_jwk_with("rsa", "use", json!("enc")), KeyError::NotForSigning),
        (Algorithm::RS256, private_jwk_with("rsa", "key_ops", json!(["verify"])), KeyError::NotForSigning),
        (Algorithm::RS256, private_jwk_with("rsa", "alg", json!("PS256")), KeyError::OtherAlgorithm),
        (Algorithm::RS256, private_jwk_with("rsa", "d", json!(null)), KeyError::NotPrivate),
        (Algorithm::RS256, private_jwk_with("rsa", "qi", json!(null)), KeyError::Jwk),
        (Algorithm::RS256, private_jwk_with("rsa", "oth", json!([])), KeyError::Unsupported),
        (Algorithm::RS256, private_jwk_with("rsa", "e", json!("AQ")), KeyError::RsaExponent),
        (Algorithm::ES256, private_jwk("p384").to_string(), KeyError::OtherAlgorithm),
        (Algorithm::ES256, private_jwk_with("p256", "d", short.clone()), KeyError::Invalid(Algorithm::ES256)),
        (Algorithm::ES256, private_jwk_with("p256", "y", json!(null)), KeyError::Jwk),
        (Algorithm::ES256, private_jwk_with("p256", "d", json!("not base64url=")), KeyError::Jwk),
        (Algorithm::EdDSA, private_jwk_with("ed25519", "d", short), KeyError::Invalid(Algorithm::EdDSA)),
        (Algorithm::EdDSA, private_jwk_with("ed25519", "x", other_x), KeyError::OtherPublicHalf),
        (Algorithm::EdDSA, "{}".to_owned(), KeyError::Jwk),
        (Algorithm::HS256, json!({"kty": "oct"}).to_string(), KeyError::Jwk),
    ] {
        let error = SigningKey::jwk(algorithm, &jwk).unwrap_err();
        assert_eq!(error, expected, "{algorithm} {error}");
    }
    // A point that is not that of the scalar: which error it is depends on who finds out first.
    let strange = private_jwk_with("p256", "d", json!(acceptance::base64url([1; 32])));
    assert!(SigningKey::jwk(Algorithm::ES256, &strange).is_err());
}

#[test]
fn a_generated_key_signs_and_no_two_are_the_same() {
    for algorithm in Algorithm::ALL.iter().copied() {
        let small = matches!(algorithm.as_str(), "HS256" | "HS384" | "HS512" | "ES256" | "ES384" | "EdDSA" | "Ed25519");
        if cfg!(not(feature = "aws-lc-rs")) && !small {
            assert!(SigningKey::generate(algorithm).is_err(), "{algorithm}");
            continue;
        }
        if matches!(algorithm.as_str(), "RS384" | "RS512" | "PS384" | "PS512") {
            // As RS256 and PS256, and each takes its time.
            continue;
        }
        let [one, other] = [(); 2].map(|()| SigningKey::generate(algorithm).unwrap());
        let token = one.sign(&good_claims()).unwrap();
        assert_verifies(one.verifying_key(), &token);
        let builder = Authenticator::<User>::builder().keys(other.verifying_key()).any_audience().clock(Stopped);
        assert!(builder.build_verifier().unwrap().verify(&token).is_err(), "{algorithm}");
    }
}

#[test]
fn a_jwk_whose_operations_are_named_twice_or_contradict_its_use_is_not_used() {
    for (usage, operations) in [
        (Value::Null, json!(["verify", "verify"])),
        (Value::Null, json!(["sign", "verify", "sign"])),
        (json!("sig"), json!(["verify", "x", "x"])),
        (json!("sig"), json!(["verify", "encrypt"])),
        (json!("sig"), json!(["deriveKey", "verify"])),
    ] {
        let mut odd = jwk("p256");
        (odd["use"], odd["key_ops"]) = (usage, operations);
        assert_eq!(VerifyingKey::jwk(Algorithm::ES256, &odd.to_string()).unwrap_err(), KeyError::KeyOps, "{odd}");
        let keys = KeySet::jwks(set(&[odd, jwk("rsa")])).unwrap();
        assert_eq!((keys.keys().len(), &keys.skipped()[0].reason), (1, &KeyError::KeyOps));
    }
    let plain = jwk_with("p256", "key_ops", json!(["sign", "verify"]));
    assert!(VerifyingKey::jwk(Algorithm::ES256, &plain.to_string()).is_ok());
}

#[test]
fn an_odd_key_is_no_matter_of_the_others_of_its_set() {
    for odd in
        [r#"{"kty":"EC","kty":"EC"}"#, r#"{"kid":"x","x":{"a":1,"a":2}}"#, r#"{"$serde_json::private::RawValue":1}"#]
    {
        let keys = KeySet::jwks(format!(r#"{{"keys":[{odd},{}]}}"#, jwk("rsa"))).unwrap();
        assert_eq!((keys.keys().len(), keys.skipped().len()), (1, 1), "{odd}");
    }
}

#[test]
fn a_token_that_names_a_key_which_cannot_be_used_is_refused_for_the_reason_of_that_key() {
    let enc = jwk_with("rsa", "use", "enc".into());
    let keys = KeySet::jwks(set(&[enc, jwk("p256")])).unwrap();
    let verifier = Authenticator::<User>::builder().keys(keys).any_audience().clock(Stopped).build_verifier().unwrap();
    let key = SigningKey::pem(Algorithm::RS256, key_file("rsa.pem")).unwrap().with_kid("rsa");
    let error = verifier.verify(key.sign(&good_claims()).unwrap()).unwrap_err();
    let AuthError::InvalidToken(TokenError::UnusableKey(reason)) = error else { panic!("{error}") };
    assert_eq!(reason, KeyError::NotForVerification);
}

#[test]
fn coordinates_are_of_full_length() {
    for member in ["x", "y"] {
        let number = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(jwk("p256")[member].as_str().unwrap()).unwrap();
        let number = number.as_slice();
        for wrong in [&number[1..], &number[..31], &[&[0], number].concat(), &[number, &[0]].concat()] {
            let jwk = jwk_with("p256", member, acceptance::base64url(wrong).into());
            let error = VerifyingKey::jwk(Algorithm::ES256, &jwk.to_string()).unwrap_err();
            let has_sign_byte = wrong[1..] == *number;
            let expected = if has_sign_byte { KeyError::Misspelled } else { KeyError::Invalid(Algorithm::ES256) };
            assert_eq!(error, expected, "{member}");
        }
    }
}
