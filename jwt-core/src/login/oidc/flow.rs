//! What is known of a sign-in that is under way: only its browser keeps it, in a cookie of its own.
//!
//! The cookie holds when the flow ends and where it goes on, with an HMAC over both, the provider and `state`. Nothing in it
//! is secret, so it is signed and not encrypted: `nonce` and the verifier of PKCE are HMACs over `state` under the same
//! secret, and are in no cookie at all. `state` itself is random, and in the address alone.

use std::time::Duration;

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue, Request};

use crate::base64url;
use crate::clock::NumericDate;
use crate::key::algorithm::Algorithm;
use crate::key::crypto::{self, Material, PrivateKey, PublicKey};
use crate::key::{KeyError, check_secret};
use crate::login::cookies::{Attributes, SameSite};

/// How long somebody may take at the provider.
pub(super) const LIFETIME: Duration = Duration::from_secs(600);
/// How many flows of one browser are under way at most, as in several tabs. The oldest ends.
pub(super) const MAX_FLOWS: usize = 4;
/// The longest path that a flow goes on to, in bytes: cookies of all flows fit into the head of a request.
pub(super) const MAX_RETURN_TO: usize = 1024;
/// Browsers accept a cookie of such a name only from this very host, so no neighbouring host can plant a flow.
const PREFIX: &str = "__Host-sign_in_";
/// In bytes: nobody guesses it.
const STATE: usize = 24;
/// `state`, in characters.
const STATE_TEXT: usize = STATE.div_ceil(3) * 4;
/// How much of `state` is in the name of the cookie: flows of one browser are told apart by it.
const IN_NAME: usize = 8;

/// A secret by which flows are signed.
#[derive(Clone)]
pub(super) struct FlowKey {
    sign: PrivateKey,
    verify: PublicKey,
}

impl FlowKey {
    /// `None`: a random one.
    pub(super) fn new(secret: Option<&[u8]>) -> Result<Self, KeyError> {
        let algorithm = Algorithm::HS256;
        let random;
        let secret = if let Some(secret) = secret {
            secret
        } else {
            random = crypto::random::<32>().ok_or(KeyError::Generate(algorithm))?;
            &random
        };
        check_secret(algorithm, secret)?;
        let sign = PrivateKey::secret(algorithm, secret)?;
        Ok(Self { sign, verify: PublicKey::new(algorithm, &Material::Secret(secret))? })
    }

    /// A text that only this key makes of `state`, another one for each purpose.
    fn derived(&self, purpose: &str, provider: &str, state: &str) -> Option<String> {
        self.sign.sign(&message(purpose, provider, state, "")).ok().map(base64url::encode)
    }
}

/// What is signed. Neither the name of a provider nor `state` has such a separator in it.
fn message(purpose: &str, provider: &str, state: &str, rest: &str) -> Vec<u8> {
    ["sign-in flow", purpose, provider, state, rest].join("\0").into_bytes()
}

/// A sign-in that is under way.
pub(super) struct Flow {
    pub(super) state: String,
    pub(super) nonce: String,
    /// The verifier of PKCE (RFC 7636 §4.1).
    pub(super) verifier: String,
    /// A path of this host; empty where none was named.
    pub(super) return_to: String,
    ends_at: NumericDate,
}

impl Flow {
    /// `None` where the operating system gives no random numbers.
    pub(super) fn begin(key: &FlowKey, provider: &str, return_to: &str, now: NumericDate) -> Option<Self> {
        let state = base64url::encode(crypto::random::<STATE>()?);
        Self::of(key, provider, state, return_to.to_owned(), now.saturating_add(LIFETIME))
    }

    fn of(key: &FlowKey, provider: &str, state: String, return_to: String, ends_at: NumericDate) -> Option<Self> {
        let nonce = key.derived("nonce", provider, &state)?;
        let verifier = key.derived("verifier", provider, &state)?;
        Some(Self { state, nonce, verifier, return_to, ends_at })
    }

    /// The flow of this browser that has this `state`, which began here and is not over.
    pub(super) fn find(
        key: &FlowKey,
        provider: &str,
        state: &str,
        head: &Request<()>,
        now: NumericDate,
    ) -> Option<Self> {
        let is_of_state = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if state.len() != STATE_TEXT || !state.bytes().all(is_of_state) {
            return None;
        }
        let name = name(state);
        let value = pairs(head.headers()).find_map(|(other, value)| (other == name).then_some(value))?;
        let (signed, tag) = value.rsplit_once('.')?;
        let tag = base64url::decode(tag.as_bytes())?;
        if !key.verify.verify(&message("cookie", provider, state, signed), &tag) {
            return None;
        }
        let (ends_at, return_to) = signed.split_once('.')?;
        let ends_at = NumericDate::from_secs(ends_at.parse().ok()?);
        let return_to = String::from_utf8(base64url::decode(return_to.as_bytes())?).ok()?;
        if now >= ends_at {
            return None;
        }
        Self::of(key, provider, state.to_owned(), return_to, ends_at)
    }

    /// `code_challenge` (RFC 7636 §4.2).
    pub(super) fn challenge(&self) -> String {
        base64url::encode(crypto::sha256(self.verifier.as_bytes()))
    }

    /// `Set-Cookie`, and beside it the end of the oldest flows of this browser where there are too many.
    pub(super) fn cookies(
        &self,
        key: &FlowKey,
        provider: &str,
        same_site: SameSite,
        head: &Request<()>,
    ) -> Option<Vec<HeaderValue>> {
        let signed = format!("{}.{}", self.ends_at.as_secs(), base64url::encode(&self.return_to));
        let tag = base64url::encode(key.sign.sign(&message("cookie", provider, &self.state, &signed)).ok()?);
        let value = format!("{signed}.{tag}");
        let own = Attributes::new(&name(&self.state), "/", same_site).set(&value, Some(LIFETIME))?;
        // Nobody has signed what others say here, and nothing but the order depends on it.
        let end = |value: &str| value.split('.').next().and_then(|end| end.parse::<u64>().ok()).unwrap_or(0);
        let mut others: Vec<(u64, &str)> = pairs(head.headers())
            .filter(|(name, _)| name.starts_with(PREFIX))
            .map(|(name, value)| (end(value), name))
            .collect();
        others.sort_unstable();
        let too_many = (others.len() + 1).saturating_sub(MAX_FLOWS);
        let ended = others.into_iter().take(too_many).filter_map(|(_, name)| forget(name, same_site));
        Some([own].into_iter().chain(ended).collect())
    }

    /// `Set-Cookie` that ends the flow.
    pub(super) fn over(&self, same_site: SameSite) -> Option<HeaderValue> {
        forget(&name(&self.state), same_site)
    }
}

fn name(state: &str) -> String {
    format!("{PREFIX}{}", &state[..IN_NAME])
}

fn forget(name: &str, same_site: SameSite) -> Option<HeaderValue> {
    Attributes::new(name, "/", same_site).set("", Some(Duration::ZERO))
}

/// The cookies of a request.
fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let texts = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim_ascii().split_once('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> FlowKey {
        FlowKey::new(Some(&[byte; 32])).unwrap()
    }

    fn now() -> NumericDate {
        NumericDate::from_secs(1_800_000_000)
    }

    fn with_cookies(cookies: &[HeaderValue]) -> Request<()> {
        let pairs: Vec<_> = cookies.iter().map(|cookie| cookie.to_str().unwrap().split(';').next().unwrap()).collect();
        Request::get("/auth/callback/a").header(COOKIE, pairs.join("; ")).body(()).unwrap()
    }

    fn begun(return_to: &str) -> (Flow, Request<()>) {
        let flow = Flow::begin(&key(1), "a", return_to, now()).unwrap();
        let none = Request::new(());
        let cookies = flow.cookies(&key(1), "a", SameSite::Lax, &none).unwrap();
        (flow, with_cookies(&cookies))
    }

    #[test]
    fn a_flow_is_found_again_by_its_browser_its_provider_its_state_and_in_time() {
        let (flow, head) = begun("/orders?page=2");
        let find =
            |key: &FlowKey, provider, state: &str, head: &Request<()>, at| Flow::find(key, provider, state, head, at);
        let found = find(&key(1), "a", &flow.state, &head, now()).unwrap();
        assert_eq!((&*found.return_to, &found.nonce, &found.verifier), ("/orders?page=2", &flow.nonce, &flow.verifier));
        assert!(flow.nonce != flow.verifier && flow.verifier.len() == 43);

        assert!(find(&key(1), "b", &flow.state, &head, now()).is_none(), "of another provider");
        assert!(find(&key(2), "a", &flow.state, &head, now()).is_none(), "under another secret");
        assert!(find(&key(1), "a", &flow.state, &Request::new(()), now()).is_none(), "in another browser");
        assert!(find(&key(1), "a", &flow.state, &head, now().saturating_add(LIFETIME)).is_none(), "too late");
        let (other, _) = begun("/");
        assert!(find(&key(1), "a", &other.state, &head, now()).is_none(), "another flow");
        // The name of the cookie has only the beginning of it.
        let similar = format!("{}{}", &flow.state[..IN_NAME], &other.state[IN_NAME..]);
        for state in [&*similar, "", &flow.state[1..], &format!("{}A", flow.state), &"\u{e9}".repeat(16)] {
            assert!(find(&key(1), "a", state, &head, now()).is_none(), "{state}");
        }
    }

    #[test]
    fn no_character_of_the_cookie_can_be_changed() {
        let (flow, head) = begun("/x");
        let cookie = head.headers()[COOKIE].to_str().unwrap().to_owned();
        let value_at = cookie.find('=').unwrap() + 1;
        for at in value_at..cookie.len() {
            let mut changed = cookie.clone().into_bytes();
            changed[at] = if changed[at] == b'1' { b'2' } else { b'1' };
            let head = Request::get("/").header(COOKIE, changed).body(()).unwrap();
            assert!(Flow::find(&key(1), "a", &flow.state, &head, now()).is_none(), "{at}");
        }
    }

    #[test]
    fn a_browser_has_so_many_flows_and_the_oldest_ends() {
        let mut jar: Vec<HeaderValue> = Vec::new();
        for second in 0..20 {
            let flow = Flow::begin(&key(1), "a", "", now().saturating_add(Duration::from_secs(second))).unwrap();
            let mut set = flow.cookies(&key(1), "a", SameSite::Lax, &with_cookies(&jar)).unwrap();
            let own = set.remove(0);
            let ended = set.len();
            assert_eq!(ended, usize::from(jar.len() == MAX_FLOWS), "{second}");
            for end in set {
                let oldest = jar.remove(0);
                let name = |value: &HeaderValue| value.to_str().unwrap().split('=').next().unwrap().to_owned();
                assert_eq!(name(&end), name(&oldest));
                assert!(end.to_str().unwrap().contains("Max-Age=0"));
            }
            jar.push(own);
        }
        assert_eq!(jar.len(), MAX_FLOWS);
    }

    #[test]
    fn a_short_secret_is_refused() {
        assert!(matches!(FlowKey::new(Some(&[1; 31])), Err(KeyError::WeakSecret { needed: 32, .. })));
    }
}
