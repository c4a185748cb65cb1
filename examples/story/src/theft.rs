//! Somebody steals the cookies: what the thief and the owner of a login can do after that, with and without binding. Both
//! browsers are simulated, and time is moved, so that nobody has to wait for a token to expire.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, Request, Response};
use jwt_core::clock::{Clock, NumericDate, SystemClock};
use jwt_core::{Algorithm, Authenticator, Issuer, Logins, MemoryStore, RefreshTokens, Revocations, SigningKey};
use serde::Serialize;
use serde_json::{Value, json};

use crate::user::User;

/// How long an access token is good.
const LIFETIME: Duration = Duration::from_secs(5 * 60);

/// One line: a request of the owner or of the thief, or what happens in between.
#[derive(Serialize)]
pub(crate) struct Line {
    /// `owner`, `thief` or `both`.
    who: &'static str,
    what: &'static str,
    /// The request, and the status of its answer.
    request: Option<String>,
    status: Option<u16>,
}

/// A clock that is moved.
#[derive(Clone)]
struct Moved(Arc<AtomicU64>);

impl Clock for Moved {
    fn now(&self) -> NumericDate {
        NumericDate::from_millis(self.0.load(Ordering::Acquire))
    }
}

/// A simulated browser: its cookies, and the key that does not leave its device.
struct Browser {
    who: &'static str,
    cookies: BTreeMap<String, String>,
    key: EcdsaKeyPair,
}

type Failed = Box<dyn Error + Send + Sync>;

impl Browser {
    fn new(who: &'static str, cookies: BTreeMap<String, String>) -> Result<Self, Failed> {
        Ok(Self { who, cookies, key: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)? })
    }

    fn keep(&mut self, headers: &HeaderMap) {
        for cookie in headers.get_all(SET_COOKIE).iter().filter_map(|cookie| cookie.to_str().ok()) {
            let Some((name, value)) = cookie.split(';').next().and_then(|pair| pair.split_once('=')) else { continue };
            match value {
                "" => self.cookies.remove(name),
                value => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
    }

    // #sign
    /// A challenge, signed as a browser does that binds logins: with the public key in it where it registers one.
    fn signed(&self, challenge: &str, registers: bool) -> Result<String, Failed> {
        let encode = |bytes: &[u8]| base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes);
        let mut header = json!({"alg": "ES256", "typ": "dbsc+jwt"});
        if registers {
            // An uncompressed point: 4, x, y.
            let (x, y) = self.key.public_key().as_ref().get(1..65).ok_or("a point")?.split_at(32);
            header["jwk"] = json!({"kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y)});
        }
        let segment = |part: &Value| encode(part.to_string().as_bytes());
        let message = [segment(&header), segment(&json!({"jti": challenge}))].join(".");
        let signature = self.key.sign(&SystemRandom::new(), message.as_bytes())?;
        Ok([message, encode(signature.as_ref())].join("."))
    }
}

struct Theft {
    logins: Logins,
    auth: Authenticator<User>,
    clock: Moved,
    lines: Vec<Line>,
}

/// All of it, from the login to the logout.
///
/// # Errors
/// If the operating system gives no random numbers.
pub(crate) async fn steal(bound: bool) -> Result<Vec<Line>, Failed> {
    let mut theft = Theft::new(bound).await?;
    let mut owner = Browser::new("owner", BTreeMap::new())?;
    let offer = theft.log_in(&mut owner).await?;
    if let Some(challenge) = offer.as_deref().and_then(|offer| quoted(offer, 1)) {
        let proof = owner.signed(challenge, true)?;
        let sent = [("secure-session-response", &*proof)];
        theft.post(&mut owner, "registers its key", "/auth/device/register", &sent).await?;
    }
    let mut thief = Browser::new("thief", owner.cookies.clone())?;
    theft.note("thief", "copies every cookie");
    theft.get(&thief).await;
    theft.get(&owner).await;
    theft.clock.0.fetch_add((LIFETIME + Duration::from_secs(60)).as_millis().try_into()?, Ordering::AcqRel);
    theft.note("both", "the access token expires");
    theft.get(&thief).await;
    theft.post(&mut thief, "refreshes", "/auth/refresh", &[]).await?;
    if bound {
        theft.refresh_bound(&mut thief, "signs with a key of its own").await?;
    }
    theft.get(&thief).await;
    theft.clock.0.fetch_add(60_000, Ordering::AcqRel);
    if bound {
        theft.refresh_bound(&mut owner, "signs with its key").await?;
    } else {
        theft.post(&mut owner, "refreshes", "/auth/refresh", &[]).await?;
    }
    theft.get(&owner).await;
    theft.get(&thief).await;
    Ok(theft.lines)
}

impl Theft {
    async fn new(bound: bool) -> Result<Self, Failed> {
        let clock = Moved(Arc::new(AtomicU64::new(SystemClock.now().as_millis())));
        let key = SigningKey::generate(Algorithm::ES256)?;
        let issuer = Issuer::builder(crate::login::ISSUER)
            .audience("orders")
            .signing_key(key)
            .access_token_lifetime(LIFETIME)
            .clock(clock.clone())
            .build()?;
        let refresh_tokens = RefreshTokens::builder(Arc::new(MemoryStore::new())).clock(clock.clone()).build()?;
        let revocations = Revocations::builder(Arc::new(MemoryStore::new())).clock(clock.clone()).open().await?;
        // #bind
        let logins = Logins::builder(issuer, refresh_tokens).revocations(&revocations);
        let logins = if bound { logins.bind_to_device() } else { logins }.build()?;
        let auth = logins.authenticator().build()?;
        Ok(Self { logins, auth, clock, lines: Vec::new() })
    }

    fn note(&mut self, who: &'static str, what: &'static str) {
        self.lines.push(Line { who, what, request: None, status: None });
    }

    async fn log_in(&mut self, owner: &mut Browser) -> Result<Option<String>, Failed> {
        let user = User::named("Alice").ok_or("a name")?;
        let request = head("POST", "/auth/login", owner, &[])?;
        let login = self.logins.attempt(&request)?.log_in(&user).await?;
        owner.keep(login.headers());
        let status = login.response().status().as_u16();
        self.lines.push(Line {
            who: owner.who,
            what: "logs in",
            request: Some("POST /auth/login".to_owned()),
            status: Some(status),
        });
        let offer = login.headers().get("secure-session-registration");
        Ok(offer
            .and_then(|offer| offer.to_str().ok())
            .and_then(|offer| offer.split("challenge=").nth(1))
            .map(str::to_owned))
    }

    async fn get(&mut self, browser: &Browser) {
        let status = match head("GET", "/orders", browser, &[]) {
            Ok(request) => match self.auth.authenticate(&request).settled().await.result() {
                Ok(_) => 200,
                Err(error) => self.auth.answer(&error).status.as_u16(),
            },
            Err(_) => 400,
        };
        let request = Some("GET /orders".to_owned());
        self.lines.push(Line { who: browser.who, what: "asks for orders", request, status: Some(status) });
    }

    async fn post(
        &mut self,
        browser: &mut Browser,
        what: &'static str,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Result<Response<String>, Failed> {
        let request = head("POST", path, browser, fields)?;
        let route = self.logins.route(&request).ok_or("a route")?;
        let response = route.respond(&self.auth, &request, Ok(&[])).await;
        browser.keep(response.headers());
        let status = Some(response.status().as_u16());
        self.lines.push(Line { who: browser.who, what, request: Some(format!("POST {path}")), status });
        Ok(response)
    }

    /// Asks for a challenge, and signs it.
    async fn refresh_bound(&mut self, browser: &mut Browser, what: &'static str) -> Result<(), Failed> {
        let session = browser.cookies.get("__Host-refresh_token_id").cloned().unwrap_or_default();
        let sent = [("sec-secure-session-id", &*session)];
        let path = "/auth/device/refresh";
        let mut asked = self.post(browser, "is asked to sign", path, &sent).await?;
        // Where the token was used up in between, there is another challenge.
        for _ in 0..2 {
            let challenge = asked.headers().get("secure-session-challenge").and_then(|field| field.to_str().ok());
            let Some(challenge) = challenge.and_then(|field| quoted(field, 1)) else { break };
            let proof = browser.signed(challenge, false)?;
            let sent = [("sec-secure-session-id", &*session), ("secure-session-response", &*proof)];
            asked = self.post(browser, what, path, &sent).await?;
        }
        Ok(())
    }
}

fn quoted(text: &str, place: usize) -> Option<&str> {
    text.split('"').nth(place)
}

fn head(method: &str, path: &str, browser: &Browser, fields: &[(&str, &str)]) -> Result<Request<()>, http::Error> {
    let cookies: Vec<_> = browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let request = Request::builder().method(method).uri(path).header("sec-fetch-site", "same-origin");
    let request = request.header(COOKIE, cookies.join("; "));
    fields.iter().fold(request, |request, (name, value)| request.header(*name, *value)).body(())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn statuses(bound: bool, who: &str) -> Vec<u16> {
        let lines = steal(bound).await.unwrap();
        lines.iter().filter(|line| line.who == who).filter_map(|line| line.status).collect()
    }

    #[tokio::test]
    async fn without_binding_the_thief_is_in_until_the_owner_comes_back_and_both_are_out() {
        assert_eq!(statuses(false, "thief").await, [200, 401, 204, 200, 401]);
        assert_eq!(statuses(false, "owner").await, [204, 200, 400, 401]);
    }

    #[tokio::test]
    async fn with_binding_the_thief_is_out_when_the_access_token_expires_and_the_owner_goes_on() {
        assert_eq!(statuses(true, "thief").await, [200, 401, 400, 403, 400, 401, 401]);
        assert_eq!(statuses(true, "owner").await, [204, 200, 200, 403, 200, 200]);
    }
}
