//! Tokens, good and bad: every part of one can be replaced, and the signature still fits what was made.

use serde_json::Value;

use crate::base64url;
use crate::keys::Key;

/// A token in the making. Members keep their order, and a name may come twice.
#[derive(Clone)]
pub(crate) struct Token<'k> {
    header: Vec<(String, String)>,
    claims: Vec<(String, String)>,
    raw_header: Option<Vec<u8>>,
    raw_claims: Option<Vec<u8>>,
    key: &'k Key,
    algorithm: String,
    /// Instead of a signature.
    seal: Option<Vec<u8>>,
}

fn object(members: &[(String, String)]) -> Vec<u8> {
    let members: Vec<String> =
        members.iter().map(|(name, value)| format!("{}:{value}", Value::from(name.as_str()))).collect();
    format!("{{{}}}", members.join(",")).into_bytes()
}

fn put(members: &mut Vec<(String, String)>, name: &str, value: String) {
    match members.iter_mut().find(|(known, _)| known == name) {
        Some(member) => member.1 = value,
        None => members.push((name.to_owned(), value)),
    }
}

impl<'k> Token<'k> {
    pub(crate) fn new(key: &'k Key) -> Self {
        let token = Self {
            header: Vec::new(),
            claims: Vec::new(),
            raw_header: None,
            raw_claims: None,
            key,
            algorithm: key.algorithm.to_owned(),
            seal: None,
        };
        token.header("alg", key.algorithm).header("kid", key.kid.as_str())
    }

    /// Signs with that key instead. The header stays as it is.
    pub(crate) fn key(mut self, key: &'k Key) -> Self {
        key.algorithm.clone_into(&mut self.algorithm);
        self.key = key;
        self
    }

    /// Signs by that algorithm of the key. The header stays as it is.
    pub(crate) fn sign_as(mut self, algorithm: &str) -> Self {
        algorithm.clone_into(&mut self.algorithm);
        self
    }

    /// Has those bytes where the signature would be.
    pub(crate) fn sealed(mut self, seal: Vec<u8>) -> Self {
        self.seal = Some(seal);
        self
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        put(&mut self.header, name, value.into().to_string());
        self
    }

    pub(crate) fn no_header(mut self, name: &str) -> Self {
        self.header.retain(|(known, _)| known != name);
        self
    }

    /// One more member, even where there is one of that name.
    pub(crate) fn header_again(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header.push((name.to_owned(), value.into().to_string()));
        self
    }

    pub(crate) fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        put(&mut self.claims, name, value.into().to_string());
        self
    }

    /// A claim whose value is that text, be it JSON or not.
    pub(crate) fn claim_text(mut self, name: &str, text: &str) -> Self {
        put(&mut self.claims, name, text.to_owned());
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.claims.retain(|(known, _)| known != name);
        self
    }

    pub(crate) fn claim_again(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.push((name.to_owned(), value.into().to_string()));
        self
    }

    /// One more member in front.
    pub(crate) fn claim_before(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(0, (name.to_owned(), value.into().to_string()));
        self
    }

    /// The header as it would be, changed as bytes.
    pub(crate) fn header_bytes(mut self, change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> Self {
        self.raw_header = Some(change(self.header_now()));
        self
    }

    /// The claims as they would be, changed as bytes.
    pub(crate) fn claims_bytes(mut self, change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> Self {
        self.raw_claims = Some(change(self.claims_now()));
        self
    }

    fn header_now(&self) -> Vec<u8> {
        self.raw_header.clone().unwrap_or_else(|| object(&self.header))
    }

    fn claims_now(&self) -> Vec<u8> {
        self.raw_claims.clone().unwrap_or_else(|| object(&self.claims))
    }

    /// Header and claims in base64url.
    pub(crate) fn segments(&self) -> (String, String) {
        (base64url::encode(self.header_now()), base64url::encode(self.claims_now()))
    }

    /// What those two texts are together with their signature, whatever they are.
    pub(crate) fn seal(&self, header: &str, claims: &str) -> String {
        let input = format!("{header}.{claims}");
        let signature = self.seal.clone().unwrap_or_else(|| self.key.sign(&self.algorithm, input.as_bytes()));
        format!("{input}.{}", base64url::encode(signature))
    }

    /// The compact form. RFC 7515 §7.1.
    pub(crate) fn compact(&self) -> String {
        let (header, claims) = self.segments();
        self.seal(&header, &claims)
    }

    /// The three parts of the compact form.
    pub(crate) fn parts(&self) -> (String, String, String) {
        let (header, claims) = self.segments();
        let compact = self.seal(&header, &claims);
        let signature = compact.rsplit('.').next().unwrap_or_default().to_owned();
        (header, claims, signature)
    }

    /// The compact form with another signature.
    pub(crate) fn with_signature(&self, change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> String {
        let (header, claims) = self.segments();
        let signature = self.key.sign(&self.algorithm, format!("{header}.{claims}").as_bytes());
        format!("{header}.{claims}.{}", base64url::encode(change(signature)))
    }
}
