//! An application that uses jsonwebtoken itself gets of it what it gets without this library, with every backend of ours.

use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation, decode, encode};
use jwt_core::{Algorithm, Authenticator, KeySet, SigningKey};
use serde_json::{Value, json};

const SECRET: &[u8] = b"a secret that both libraries have been given for the test";

#[test]
fn jsonwebtoken_signs_and_verifies_beside_this_library_with_all_its_backends() {
    let claims = json!({"sub": "alice", "aud": "api", "exp": 4_000_000_000_u64});
    // The one that an application calls first makes no difference: neither has set anything for the process.
    let theirs = encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET)).unwrap();
    let ours = SigningKey::secret(Algorithm::HS256, SECRET).unwrap().sign(&claims).unwrap();

    let mut validation = Validation::new(jsonwebtoken::Algorithm::HS256);
    validation.set_audience(&["api"]);
    let read = decode::<Value>(&ours, &DecodingKey::from_secret(SECRET), &validation).unwrap();
    assert_eq!(read.claims, claims);

    let keys = KeySet::hs256(SECRET).unwrap();
    let verifier = Authenticator::<Value>::builder().keys(keys).audience("api").build_verifier().unwrap();
    let taken = verifier.verify(&theirs).unwrap();
    assert_eq!(taken.subject(), Some("alice"));
}
