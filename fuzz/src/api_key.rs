use std::future::ready;
use std::sync::LazyLock;

use jwt_core::api_key::{ApiKey, ApiKeyDigest, ApiKeyRefusal, ApiKeyStore, ApiKeys, FindingApiKey, KnownApiKey};
use jwt_core::error::{AuthError, TokenError};
use jwt_core::{Authenticator, KeySet};
use serde_json::{Map, Value};

use crate::now;
use crate::token::{SECRET, Stopped};

const PREFIX: &str = "acme_live";

/// A store that finds a key whatever it is asked for, like a table with a collation that takes everything for equal.
struct Collation(KnownApiKey);

impl ApiKeyStore for Collation {
    fn find(&self, _: ApiKeyDigest) -> FindingApiKey<'_> {
        Box::pin(ready(Ok(Some(self.0.clone()))))
    }
}

struct Service {
    listed: ApiKey,
    stored: ApiKey,
    auth: Authenticator<()>,
}

static SERVICE: LazyLock<Service> = LazyLock::new(|| {
    let [listed, stored] = [(); 2].map(|()| ApiKey::generate(PREFIX).expect("the prefix is good"));
    let [in_list, in_store] = [&listed, &stored].map(|key| KnownApiKey::from_json(key.digest(), "{}"));
    let keys = ApiKeys::builder(PREFIX).key(in_list).store(Collation(in_store)).clock(Stopped).build();
    let builder = Authenticator::builder().keys(KeySet::hs256(SECRET).expect("it is long enough")).any_audience();
    let auth = builder.clock(Stopped).credentials(keys.expect("it is configured completely")).build();
    Service { listed, stored, auth: auth.expect("it is configured completely") }
});

/// A key that somebody presents where one is listed and one is stored; the bytes 1 and 2 stand for what these have behind
/// their prefix. True where the input is one of the two. The input is also read as a digest, as a prefix and as claims.
pub fn api_key(data: &[u8]) -> bool {
    if let Ok(text) = std::str::from_utf8(data) {
        reads_what_it_writes(text);
    }
    let Service { listed, stored, auth } = &*SERVICE;
    let [first, second] = [listed, stored].map(|key| key.as_str().split_at(PREFIX.len() + 1).1);
    let mut presented = Vec::new();
    for byte in data.iter().take(256) {
        match byte {
            1 => presented.extend_from_slice(first.as_bytes()),
            2 => presented.extend_from_slice(second.as_bytes()),
            other => presented.push(*other),
        }
    }
    let is_known = [listed, stored].iter().any(|key| key.as_str().as_bytes() == presented);
    let random = presented.strip_prefix(PREFIX.as_bytes()).and_then(|rest| rest.strip_prefix(b"_"));
    let is_key = random.is_some_and(|random| {
        random.len() == 43 && random.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte))
    });
    match now(auth.verifier().verify_async(&presented)) {
        Ok(_) => assert!(is_known, "another key is accepted"),
        Err(AuthError::InvalidToken(TokenError::Check(error))) => {
            assert!(is_key && !is_known, "the wrong ones are looked up");
            let refusal = error.downcast_ref::<ApiKeyRefusal>();
            assert!(matches!(refusal, Some(ApiKeyRefusal::Unknown)), "{refusal:?}");
        }
        Err(AuthError::InvalidToken(_)) => assert!(!is_key, "a key is taken for a token"),
        Err(error) => panic!("{error}"),
    }
    is_known
}

fn reads_what_it_writes(text: &str) {
    let is_digest = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match text.parse::<ApiKeyDigest>() {
        Ok(digest) => assert!(is_digest && digest.to_string() == text.to_ascii_lowercase()),
        Err(_) => assert!(!is_digest),
    }
    // Whoever can make a key with a prefix can accept keys with it, and nobody else.
    let known = |claims: &str| KnownApiKey::from_json(SERVICE.listed.digest(), claims);
    let keys = ApiKeys::builder(text).key(known("{}")).clock(Stopped).build();
    assert_eq!(keys.is_ok(), ApiKey::generate(text).is_ok(), "keys are made that are not accepted, or the reverse");
    if text.starts_with('{') {
        // Claims that a table has are as trusted as the table, and yet may be no claims.
        let keys = ApiKeys::builder(PREFIX).key(known(text)).clock(Stopped).build().expect("claims are read later");
        let auth = Authenticator::<Value>::builder().clock(Stopped).credentials(keys).build();
        let auth = auth.expect("it is configured completely");
        let caller = now(auth.verifier().verify_async(SERVICE.listed.as_str()));
        let is_object = serde_json::from_str::<Map<String, Value>>(text).is_ok();
        assert!(caller.is_err() || is_object, "claims that are no object");
    }
}
