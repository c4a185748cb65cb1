//! People who sign in with a provider that is certified and not ours, and whose logins here follow what it says of them later.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use acceptance::{AUDIENCE, Connection, ISSUER, ROUTED, Reply, Server, User, request_to};
use jwt_core::login::NewLogin;
use jwt_core::login::oidc::ProviderUser;
use jwt_core::testing::TestClock;
use jwt_core::{Algorithm, Issuer, Logins, MemoryStore, ProviderLogin, RefreshTokens, SigningKey};
use oidc_tests::{LoginProvider, eventually};
use serde_json::Value;

const INTERVAL: Duration = Duration::from_secs(300);

#[derive(serde::Deserialize)]
struct Person {
    name: String,
}

async fn sign_in(person: ProviderUser<Person>) -> Result<Option<NewLogin>, Infallible> {
    let user = User { sub: person.subject().to_owned(), name: person.claims().name.clone() };
    Ok(Some(person.log_in(&user)))
}

/// A browser at the application.
struct Browser<'s> {
    server: &'s Server,
    jar: BTreeMap<String, String>,
}

impl Browser<'_> {
    fn send(&mut self, method: &str, target: &str, fields: &[(&str, &str)]) -> Reply {
        let cookies: Vec<String> = self.jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = cookies.join("; ");
        let fields = [&[("Cookie", &*cookies), ("Content-Length", "0")], fields].concat();
        let reply = Connection::open(self.server.address).send(&request_to("localhost", method, target, &fields));
        for (_, cookie) in reply.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            if cookie.contains("Max-Age=0") {
                self.jar.remove(name);
            } else {
                self.jar.insert(name.to_owned(), value.to_owned());
            }
        }
        reply
    }

    fn sign_in(&mut self, provider: &LoginProvider) {
        let reply = self.send("GET", "/auth/login/people", &[("Sec-Fetch-Mode", "navigate")]);
        let location = reply.header("location").unwrap_or_else(|| panic!("{reply:?}")).to_owned();
        let back = provider.browser().follow(&location, "https://localhost/");
        let reply = self.send("GET", back.strip_prefix("https://localhost").unwrap(), &[]);
        assert_eq!(reply.status, 303, "{back}: {reply:?}");
    }

    fn refresh(&mut self) -> u16 {
        self.send("POST", "/auth/refresh", &[("Sec-Fetch-Site", "same-origin")]).status
    }

    /// What the application calls who is logged in.
    fn name(&mut self) -> String {
        let reply = self.send("GET", "/me", &[]);
        let user: Value = serde_json::from_str(&reply.body).unwrap_or_default();
        user["name"].as_str().unwrap_or_default().to_owned()
    }
}

#[test]
fn a_login_follows_what_the_provider_says_of_somebody() {
    let Some(provider) = LoginProvider::start() else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let _inside = runtime.enter();
    for stack in ROUTED {
        let clock = TestClock::new();
        let key = SigningKey::generate(Algorithm::EdDSA).unwrap();
        let issuer = Issuer::builder(ISSUER).audience(AUDIENCE).signing_key(key).clock(clock.clone()).build().unwrap();
        let refresh = RefreshTokens::builder(Arc::new(MemoryStore::new())).clock(clock.clone()).build().unwrap();
        let people = ProviderLogin::builder(provider.issuer(), "app")
            .client_secret("a secret that everybody knows")
            .scope("profile")
            .parameter("login_hint", "alice")
            .parameter("prompt", "consent")
            .keep_refresh_token([7; 32])
            .on_sign_in(sign_in)
            .build()
            .unwrap();
        let logins = Logins::builder(issuer, refresh).public_origin("https://localhost").provider("people", people);
        let logins = logins.build().unwrap();
        let server = stack.start(logins.clone());
        let mut browser = Browser { server: &server, jar: BTreeMap::new() };
        let known = || runtime.block_on(logins.refresh_tokens().list("alice")).unwrap().len();

        provider.call("alice", Some("Alice"));
        browser.sign_in(&provider);
        assert_eq!(browser.name(), "Alice", "{}", stack.name);
        // Several times, since each refresh token of this provider is good once.
        for name in ["Alice Smith", "Alice Jones", "Alice"] {
            provider.call("alice", Some(name));
            clock.advance(INTERVAL);
            assert_eq!((browser.refresh(), browser.name()), (204, name.to_owned()), "{}", stack.name);
        }
        // A logout here ends the grant there.
        let ended = provider.ended();
        assert_eq!(browser.send("POST", "/auth/logout", &[("Sec-Fetch-Site", "same-origin")]).status, 204);
        eventually("the refresh token is given back", || provider.ended() == ended + 1);

        browser.sign_in(&provider);
        provider.call("alice", None);
        clock.advance(INTERVAL);
        assert_eq!((browser.refresh(), browser.jar.len(), known()), (400, 0, 0), "{}", stack.name);
    }
}
