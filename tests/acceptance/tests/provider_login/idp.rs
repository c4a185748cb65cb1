//! An identity provider that does what it is told to, also what no good one does.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use jwt_core::key::{Fetch, FetchError, Fetching};
use jwt_core::testing::{TestIssuer, TestToken};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::CLIENT;

pub(super) type Parameters = BTreeMap<String, String>;
pub(super) type Change = Box<dyn Fn(TestToken) -> TestToken + Send>;

/// An identity provider: clones share everything.
#[derive(Clone)]
pub(super) struct Idp(Arc<Mutex<Script>>);

pub(super) struct Script {
    pub(super) issuer: TestIssuer,
    pub(super) metadata: Value,
    /// What was asked of the authorization endpoint, by the code or the address that stands for it.
    pub(super) codes: BTreeMap<String, Parameters>,
    pub(super) pushed: BTreeMap<String, Parameters>,
    /// The forms that its endpoints got, with the fields `Authorization` and `DPoP`.
    pub(super) posted: Vec<(String, Parameters)>,
    pub(super) change: Option<Change>,
    pub(super) down: bool,
    pub(super) nonce_demanded: bool,
    pub(super) next: usize,
    pub(super) grants: Grants,
}

/// What the provider has given for longer than a sign-in.
#[derive(Default)]
pub(super) struct Grants {
    /// Whether refresh tokens are given.
    pub(super) given: bool,
    /// Whether the ID token is left out when one is used.
    pub(super) without_id_token: bool,
    /// Whether the refresh token stays when it is used.
    pub(super) without_rotation: bool,
    /// The refresh tokens, with what was asked for at the sign-in. Each is good once; after a second use, none is.
    pub(super) tokens: BTreeMap<String, Option<Parameters>>,
    pub(super) revoked: Vec<String>,
    /// What people are called today.
    pub(super) names: BTreeMap<String, String>,
    pub(super) change: Option<Change>,
    pub(super) error: Option<(u16, &'static str)>,
    /// Answers to refresh tokens wait for it.
    pub(super) gate: Option<Arc<Semaphore>>,
    pub(super) waiting: usize,
}

impl Idp {
    pub(super) fn new(name: &str) -> Self {
        let metadata = json!({
            "issuer": name,
            "jwks_uri": format!("{name}/jwks"),
            "authorization_endpoint": format!("{name}/authorize"),
            "token_endpoint": format!("{name}/token"),
            "end_session_endpoint": format!("{name}/logout"),
            "authorization_response_iss_parameter_supported": true,
        });
        Self(Arc::new(Mutex::new(Script {
            issuer: TestIssuer::new().with_name(name).with_audience(CLIENT),
            metadata,
            codes: BTreeMap::new(),
            pushed: BTreeMap::new(),
            posted: Vec::new(),
            change: None,
            down: false,
            nonce_demanded: false,
            next: 0,
            grants: Grants::default(),
        })))
    }

    pub(super) fn script(&self) -> MutexGuard<'_, Script> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn name(&self) -> String {
        self.script().issuer.name().to_owned()
    }

    /// The person at the browser signs in and agrees. Yields the query of the way back.
    pub(super) fn agree(&self, location: &str, person: &str) -> String {
        let mut asked = self.asked(location);
        asked.insert("person".to_owned(), person.to_owned());
        let mut script = self.script();
        script.next += 1;
        let code = format!("{}-{}", script.issuer.name().trim_start_matches("https://"), script.next);
        let state = asked["state"].clone();
        script.codes.insert(code.clone(), asked);
        format!("code={code}&state={state}&iss={}", escaped(script.issuer.name()))
    }

    /// What the address of the authorization endpoint asks for.
    pub(super) fn asked(&self, location: &str) -> Parameters {
        let (endpoint, query) = location.split_once('?').unwrap();
        assert_eq!(endpoint, format!("{}/authorize", self.name()));
        let asked = parameters(query);
        assert_eq!(asked["client_id"], CLIENT);
        match asked.get("request_uri") {
            Some(uri) => {
                assert_eq!(asked.len(), 2, "nothing else goes through the browser: {asked:?}");
                self.script().pushed[uri].clone()
            }
            None => asked,
        }
    }

    pub(super) fn answer(&self, request: &http::Request<Vec<u8>>) -> Option<(u16, Value, Option<&'static str>)> {
        let mut script = self.script();
        if script.down {
            return None;
        }
        let name = script.issuer.name().to_owned();
        let path = request.uri().to_string().strip_prefix(&*name)?.to_owned();
        let field = |name: &str| Some((name.to_owned(), request.headers().get(name)?.to_str().ok()?.to_owned()));
        let mut form = parameters(std::str::from_utf8(request.body()).ok()?);
        form.extend(["authorization", "dpop"].into_iter().filter_map(field));
        match &*path {
            "/.well-known/openid-configuration" => Some((200, script.metadata.clone(), None)),
            "/jwks" => Some((200, serde_json::from_str(&script.issuer.jwks()).ok()?, None)),
            "/user" => Some((200, json!({"login": form["authorization"]}), None)),
            "/par" => {
                let named = String::from_utf8_lossy(request.body()).matches("client_id=").count();
                if named != 1 {
                    return Some((400, json!({"error": "invalid_request"}), None));
                }
                script.posted.push((path, form.clone()));
                script.next += 1;
                let uri = format!("urn:pushed:{}", script.next);
                script.pushed.insert(uri.clone(), form);
                Some((201, json!({"request_uri": uri, "expires_in": 60}), None))
            }
            "/token" => {
                script.posted.push((path, form.clone()));
                if script.nonce_demanded && form.contains_key("dpop") {
                    script.nonce_demanded = false;
                    return Some((400, json!({"error": "use_dpop_nonce"}), Some("n-1")));
                }
                Some(if form["grant_type"] == "refresh_token" { script.refresh(&form) } else { script.redeem(&form) })
            }
            "/revoke" => {
                let token = form["token"].clone();
                script.posted.push((path, form));
                script.grants.tokens.remove(&token);
                script.grants.revoked.push(token);
                Some((200, Value::Null, None))
            }
            _ => None,
        }
    }
}

impl Script {
    /// RFC 6749 §4.1.3, RFC 7636 §4.6: a code once, with everything that it was asked for with.
    fn redeem(&mut self, form: &Parameters) -> (u16, Value, Option<&'static str>) {
        let refused = (400, json!({"error": "invalid_grant"}), None);
        let Some(asked) = self.codes.remove(&form["code"]) else { return refused };
        let challenge = acceptance::base64url(digest(&SHA256, form["code_verifier"].as_bytes()).as_ref());
        if asked["code_challenge"] != challenge || asked["redirect_uri"] != form["redirect_uri"] {
            return refused;
        }
        let mut token = self.issuer.token(&asked["person"]).claim("name", &asked["person"]);
        if let Some(nonce) = asked.get("nonce") {
            token = token.claim("nonce", nonce);
        }
        if let Some(change) = &self.change {
            token = change(token);
        }
        let kind = if form.contains_key("dpop") { "DPoP" } else { "Bearer" };
        let access = format!("at-{}", asked["person"]);
        let mut tokens =
            json!({"access_token": access, "token_type": kind, "expires_in": 60, "id_token": token.compact()});
        if self.grants.given {
            tokens["refresh_token"] = self.give(asked).into();
        }
        (200, tokens, None)
    }

    fn give(&mut self, asked: Parameters) -> String {
        self.next += 1;
        let token = format!("rt-{}", self.next);
        self.grants.tokens.insert(token.clone(), Some(asked));
        token
    }

    /// RFC 6749 §6, with the rotation of RFC 9700 §4.14.2.
    fn refresh(&mut self, form: &Parameters) -> (u16, Value, Option<&'static str>) {
        if let Some((status, error)) = self.grants.error {
            return (status, json!({"error": error}), None);
        }
        let refused = (400, json!({"error": "invalid_grant"}), None);
        let used = match self.grants.tokens.get_mut(&form["refresh_token"]) {
            Some(known) if self.grants.without_rotation => known.clone(),
            Some(known) => known.take(),
            None => return refused,
        };
        let Some(asked) = used else {
            self.grants.tokens.clear();
            return refused;
        };
        let person = &asked["person"];
        let name = self.grants.names.get(person).unwrap_or(person);
        let mut token = self.issuer.token(person).claim("name", name);
        if let Some(change) = &self.grants.change {
            token = change(token);
        }
        let kind = if form.contains_key("dpop") { "DPoP" } else { "Bearer" };
        let mut tokens = json!({"access_token": format!("at-again-{person}"), "token_type": kind, "expires_in": 60});
        if !self.grants.without_id_token {
            tokens["id_token"] = token.compact().into();
        }
        if !self.grants.without_rotation {
            tokens["refresh_token"] = self.give(asked).into();
        }
        (200, tokens, None)
    }
}

impl Fetch for Idp {
    fn fetch(&self, request: http::Request<Vec<u8>>, _max_bytes: usize) -> Fetching<'_> {
        Box::pin(async move {
            let gate = self.script().grants.gate.clone();
            if let Some(gate) = gate.filter(|_| String::from_utf8_lossy(request.body()).contains("refresh_token=")) {
                self.script().grants.waiting += 1;
                gate.acquire().await.map_err(FetchError::transport)?.forget();
            }
            let down = || FetchError::transport(std::io::Error::other("nobody there"));
            let (status, body, nonce) = self.answer(&request).ok_or_else(down)?;
            let mut response = http::Response::builder().status(status);
            if let Some(nonce) = nonce {
                response = response.header("dpop-nonce", nonce);
            }
            let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
            response.body(body).map_err(FetchError::transport)
        })
    }
}

pub(super) fn parameters(form: &str) -> Parameters {
    let url = reqwest::Url::parse(&format!("http://localhost/?{form}")).unwrap();
    url.query_pairs().into_owned().collect()
}

pub(super) fn escaped(text: &str) -> String {
    let url = reqwest::Url::parse_with_params("http://localhost/", [("x", text)]).unwrap();
    url.query().unwrap().trim_start_matches("x=").to_owned()
}
