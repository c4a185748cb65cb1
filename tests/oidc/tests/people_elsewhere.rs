//! People who sign in with providers of two other packages, Authlib and Better Auth: they agree, refuse, come twice, in two tabs
//! or with somebody else's answer, and log out, also where the provider is down for a while.

use std::sync::Arc;

use acceptance::{AUDIENCE, Browser, ISSUER, LOGOUT_STACKS, Log, ROUTED, Reply, RoutedStack, Server, User};
use jwt_core::login::NewLogin;
use jwt_core::login::logout::{LogoutProvider, LogoutReceiver};
use jwt_core::login::oidc::{ProviderError, ProviderUser};
use jwt_core::{
    Algorithm, Authenticator, AuthenticatorBuilder, Issuer, Logins, MemoryStore, ProviderLogin, RefreshTokens,
    RemoteKeySet, Revocations, SigningKey,
};
use oidc_tests::{Client, PeopleProvider, Visitor, eventually};
use serde_json::Value;
use tokio::runtime::Runtime;

/// RFC 7636 appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
/// How many cookies a login sets.
const OF_LOGIN: usize = 3;

#[derive(serde::Deserialize)]
struct Person {
    name: Option<String>,
}

#[derive(serde::Deserialize)]
struct Profile {
    name: String,
}

/// Better Auth has no name in its ID tokens (OpenID Connect Core §5.4), and is asked for it.
async fn sign_in(person: ProviderUser<Person>) -> Result<Option<NewLogin>, ProviderError> {
    let name = if let Some(name) = &person.claims().name {
        name.clone()
    } else {
        let endpoint = format!("{}/oauth2/userinfo", person.id_token().issuer().unwrap_or_default());
        person.access().get_json::<Profile>(&endpoint).await?.name
    };
    Ok(Some(person.log_in(&User { sub: person.subject().to_owned(), name })))
}

/// A browser at the application.
fn browser_at(server: &Server) -> Browser {
    Browser::at(server).of(PeopleProvider::ORIGIN)
}

/// Begins a sign-in, and yields the address of the provider that the browser is sent to.
fn begin(browser: &mut Browser) -> String {
    browser.begin("/auth/login/people?return_to=%2Forders")
}

/// Comes back from the provider, and is signed in.
fn arrive(browser: &mut Browser, back: &str) {
    let reply = browser.get(back);
    assert_eq!((reply.status, reply.header("location")), (303, Some("/orders")), "{back}: {reply:?}");
    assert_eq!((browser.jar.len(), &*browser.name()), (OF_LOGIN, "Alice"), "{:?}", browser.jar);
}

/// An application with providers of these names.
fn logins_with(providers: &[(&str, &PeopleProvider, &Client)]) -> Logins {
    let key = SigningKey::generate(Algorithm::EdDSA).unwrap();
    let issuer = Issuer::builder(ISSUER).audience(AUDIENCE).signing_key(key).build().unwrap();
    let refresh = RefreshTokens::builder(Arc::new(MemoryStore::new())).build().unwrap();
    let mut logins = Logins::builder(issuer, refresh).public_origin(PeopleProvider::ORIGIN).after_log_out("/bye");
    for (name, provider, client) in providers {
        let people = ProviderLogin::builder(provider.issuer(), &*client.id)
            .client_secret(&*client.secret)
            .scope("profile")
            .log_out_at_provider()
            .on_sign_in(sign_in);
        logins = logins.provider(name, people.build().unwrap());
    }
    logins.build().unwrap()
}

fn logins(provider: &PeopleProvider, client: &Client) -> Logins {
    logins_with(&[("people", provider, client)])
}

/// One stack of each adapter.
fn stacks() -> impl Iterator<Item = RoutedStack> {
    ROUTED.into_iter().filter(|stack| ["axum", "actix"].contains(&stack.name))
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

fn error(reply: &Reply) -> (u16, String) {
    let body: Value = serde_json::from_str(&reply.body).unwrap_or_default();
    (reply.status, body["error"].as_str().unwrap_or_default().to_owned())
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

/// What can happen, with an application that this provider knows as `client`.
fn people_come_and_go(stack: RoutedStack, provider: &mut PeopleProvider, client: &Client) {
    let runtime = runtime();
    let _inside = runtime.enter();
    let server = stack.start(logins(provider, client));
    let (mut browser, mut visitor) = (browser_at(&server), Visitor::default());

    // Nobody is there yet.
    provider.stop();
    let reply = browser.get("/auth/login/people");
    assert_eq!(error(&reply), refused(503, "temporarily_unavailable"), "{reply:?}");
    assert!(reply.header("retry-after").is_some() && browser.jar.is_empty(), "{reply:?}");
    provider.start_again();
    eventually("a sign-in begins", || browser.get("/auth/login/people").status == 303);
    browser.jar.clear();

    // Alice refuses.
    let location = begin(&mut browser);
    assert!(location.contains("&code_challenge_method=S256"), "{location}");
    let back = visitor.follow(provider, &location, false);
    let reply = browser.get(&back);
    assert_eq!(error(&reply), refused(403, "access_denied"), "{back}: {reply:?}");
    assert!(browser.jar.is_empty(), "the flow is over: {:?}", browser.jar);
    assert_eq!(visitor.passwords, 1);

    // Another `state`, and another browser: neither is signed in, and whoever has begun it is.
    let location = begin(&mut browser);
    let back = visitor.follow(provider, &location, true);
    let (before, rest) = back.split_once("state=").unwrap();
    let other = format!("{before}state=A{rest}");
    let (mut cookies, mut stranger) = (browser.jar.clone(), browser_at(&server));
    assert_eq!(error(&browser.get(&other)), refused(400, "invalid_request"), "{other}");
    assert_eq!(error(&stranger.get(&back)), refused(400, "invalid_request"));
    assert_eq!((browser.jar.len(), stranger.jar.len()), (1, 0), "{:?}", browser.jar);
    arrive(&mut browser, &back);

    // The same answer again: the flow is over here, and the code is at the provider.
    assert_eq!(error(&browser.get(&back)), refused(400, "invalid_request"));
    stranger.jar.append(&mut cookies);
    assert_eq!(error(&stranger.get(&back)), refused(400, "invalid_grant"));
    assert_eq!((stranger.jar.len(), &*browser.name()), (0, "Alice"), "{:?}", stranger.jar);

    // The provider is down when Alice comes back, and does not ask her again.
    let mut browser = browser_at(&server);
    let back = visitor.follow(provider, &begin(&mut browser), true);
    provider.stop();
    let reply = browser.get(&back);
    assert_eq!(error(&reply), refused(503, "temporarily_unavailable"), "{reply:?}");
    assert!(reply.header("retry-after").is_some(), "{reply:?}");
    provider.start_again();
    arrive(&mut browser, &back);
    assert_eq!(visitor.passwords, 1);

    // She logs out at both.
    let reply = browser.send("POST", "/auth/logout", &[("Sec-Fetch-Site", "same-origin"), FORM], "");
    assert_eq!((reply.status, browser.jar.len()), (303, 0), "{reply:?}");
    let location = reply.header("location").unwrap();
    assert!(location.starts_with(&provider.origin()), "{location}");
    assert_eq!(visitor.follow(provider, location, false), format!("{}/bye", PeopleProvider::ORIGIN));
    let back = visitor.follow(provider, &begin(&mut browser), true);
    arrive(&mut browser, &back);
    assert_eq!(visitor.passwords, 2);
}

#[test]
fn people_sign_in_with_authlib() {
    let Some(mut provider) = PeopleProvider::authlib() else { return };
    for (client, stack) in
        provider.clients().to_vec().iter().flat_map(|client| stacks().map(move |stack| (client, stack)))
    {
        people_come_and_go(stack, &mut provider, client);
    }
}

#[test]
fn people_sign_in_with_better_auth() {
    for stack in stacks() {
        // One that has not heard of Alice's consent yet.
        let Some(mut provider) = PeopleProvider::better_auth() else { return };
        let client = provider.clients()[0].clone();
        people_come_and_go(stack, &mut provider, &client);
    }
}

#[test]
fn people_sign_in_in_two_tabs_at_once() {
    let runtime = runtime();
    let _inside = runtime.enter();
    for provider in [PeopleProvider::authlib(), PeopleProvider::better_auth()].into_iter().flatten() {
        for (stack, order) in stacks().flat_map(|stack| [[0, 1], [1, 0]].map(|order| (stack, order))) {
            let logins = logins(&provider, &provider.clients()[0]);
            let server = stack.start(logins.clone());
            let (mut browser, mut visitor) = (browser_at(&server), Visitor::default());
            let pages = ["/orders", "/profile"];
            let begun = pages.map(|page| browser.begin(&format!("/auth/login/people?return_to={page}")));
            assert_eq!(browser.flows(), 2, "{}", stack.name);
            let back = begun.map(|location| visitor.follow(&provider, &location, true));
            for (done, tab) in order.into_iter().enumerate() {
                let reply = browser.get(&back[tab]);
                assert_eq!(
                    (reply.status, reply.header("location")),
                    (303, Some(pages[tab])),
                    "{}: {reply:?}",
                    stack.name
                );
                assert_eq!((browser.flows(), &*browser.name()), (1 - done, "Alice"), "{}", stack.name);
            }
            assert_eq!((browser.jar.len(), browser.refresh().status), (OF_LOGIN, 204), "{}", stack.name);
            // Neither of the answers is good again, and the login goes on.
            for back in back {
                assert_eq!(error(&browser.get(&back)), refused(400, "invalid_request"), "{}", stack.name);
            }
            assert_eq!(browser.name(), "Alice", "{}", stack.name);
        }
    }
}

/// The provider that was asked is not honest: it sends the browser on to the honest one, under the name that the application
/// has there, so that the answer of that one comes to its own callback (mix-up, RFC 9700 §4.4).
fn answers_are_mixed_up(stack: RoutedStack, honest: &PeopleProvider, asked: &PeopleProvider) {
    let log = Log::here();
    let [client, known] = [honest, asked].map(|provider| &provider.clients()[0]);
    let server = stack.start(logins_with(&[("people", honest, client), ("others", asked, known)]));
    let mut browser = browser_at(&server);
    let at_asked = browser.begin("/auth/login/others?return_to=%2Forders");
    let at_honest = browser_at(&server).begin("/auth/login/people");
    let (endpoint, query) = (at_honest.split('?').next().unwrap(), at_asked.split_once('?').unwrap().1);
    let query = query.replace(&format!("client_id={}", known.id), &format!("client_id={}", client.id));
    let back = Visitor::default().follow(honest, &format!("{endpoint}?{query}"), true);
    let callback = format!("{}/auth/callback/others?", PeopleProvider::ORIGIN);
    assert!(back.starts_with(&callback) && back.contains("code=") && back.contains("iss="), "{back}");

    let members = back[callback.len()..].split('&');
    let nameless: Vec<&str> = members.filter(|member| !member.starts_with("iss=")).collect();
    let nameless = format!("{callback}{}", nameless.join("&"));
    let elsewhere = back.replace("/callback/others", "/callback/people");
    let (named, unknown) =
        ("the answer names another provider in `iss`", "the answer is to no sign-in that this browser has");
    for (answer, reason) in [(&back, named), (&nameless, named), (&elsewhere, unknown)] {
        let mut browser = browser.clone();
        log.take();
        let reply = browser.get(answer);
        assert_eq!(error(&reply), refused(400, "invalid_request"), "{} {answer}: {reply:?}", stack.name);
        assert_eq!(browser.user(), None, "{} {answer}", stack.name);
        let logged = log.take();
        assert!(logged.contains(reason), "{} {answer}: {logged}", stack.name);
    }
    // The answer of the one that was asked.
    let back = Visitor::default().follow(asked, &at_asked, true);
    arrive(&mut browser, &back);
}

#[test]
fn an_answer_of_another_provider_than_the_one_that_was_asked_is_refused() {
    let (Some(authlib), Some(better_auth)) = (PeopleProvider::authlib(), PeopleProvider::better_auth()) else { return };
    let runtime = runtime();
    let _inside = runtime.enter();
    for stack in stacks() {
        answers_are_mixed_up(stack, &authlib, &better_auth);
        answers_are_mixed_up(stack, &better_auth, &authlib);
    }
}

#[test]
fn whoever_signs_out_at_better_auth_is_signed_out_here() {
    let Some(provider) = PeopleProvider::better_auth() else { return };
    let runtime = runtime();
    let _inside = runtime.enter();
    for stack in stacks() {
        sign_out_at_the_provider(stack, &provider, &runtime);
    }
}

fn sign_out_at_the_provider(stack: RoutedStack, provider: &PeopleProvider, runtime: &Runtime) {
    let (client, mut visitor) = (&provider.clients()[0], Visitor::default());
    let logins = logins(provider, client);
    let list = runtime.block_on(Revocations::builder(Arc::new(MemoryStore::new())).open()).unwrap();
    let keys = RemoteKeySet::discover(provider.issuer());
    let trusted = LogoutProvider::new(provider.issuer(), &keys, &*client.id);
    let receiver = LogoutReceiver::builder(&list).provider(trusted).logins(&logins).build().unwrap();
    let receiving = LOGOUT_STACKS.into_iter().find(|receiving| receiving.name == stack.name).unwrap();
    let events = receiving.start(logins.authenticator().build().unwrap(), receiver);
    provider.find_application_at(events.address);

    let server = stack.start(logins.clone());
    let mut browsers = [browser_at(&server), browser_at(&server)];
    let mut elsewhere = Visitor::default();
    for (browser, visitor) in browsers.iter_mut().zip([&mut visitor, &mut elsewhere]) {
        let back = visitor.follow(provider, &begin(browser), true);
        arrive(browser, &back);
    }
    let alice = browsers[0].user().unwrap();
    let known = || runtime.block_on(logins.refresh_tokens().list(&alice)).unwrap().len();
    assert_eq!(known(), 2);
    visitor.sign_out(provider);
    eventually("the logout here", || known() == 1);
    let [there, here] = &mut browsers;
    assert_eq!((there.refresh().status, here.refresh().status), (400, 204));
}

#[test]
fn of_the_tokens_of_better_auth_one_is_for_an_api() {
    let Some(provider) = PeopleProvider::better_auth() else { return };
    let (client, mut visitor) = (&provider.clients()[0], Visitor::default());
    let redirect = "redirect_uri=https%3A%2F%2Fapp.example.com%2Fauth%2Fcallback%2Fpeople";
    let location = format!(
        "{}/oauth2/authorize?response_type=code&client_id={}&scope=openid&{redirect}&state=s&nonce=n\
         &code_challenge={CHALLENGE}&code_challenge_method=S256",
        provider.issuer(),
        client.id
    );
    let back = visitor.follow(&provider, &location, true);
    let code = back.split(['?', '&']).find_map(|member| member.strip_prefix("code=")).unwrap();
    let form = format!("grant_type=authorization_code&code={code}&{redirect}&code_verifier={VERIFIER}");
    let runtime = runtime();
    let _inside = runtime.enter();
    let http = reqwest::Client::new();
    let answer = |request: reqwest::RequestBuilder| {
        let body = runtime.block_on(async { request.send().await?.text().await }).unwrap();
        serde_json::from_str::<Value>(&body).unwrap_or_else(|_| panic!("{body}"))
    };
    let endpoint = format!("{}/oauth2/token", provider.issuer());
    let tokens = answer(
        http.post(endpoint).basic_auth(&client.id, Some(&client.secret)).header("content-type", FORM.1).body(form),
    );
    let token = answer(http.get(format!("{}/token", provider.issuer())).header("cookie", visitor.cookies()));
    let [token, id_token, access_token] =
        [&token["token"], &tokens["id_token"], &tokens["access_token"]].map(|token| token.as_str().unwrap());

    // As the recipe has it: docs/how-to/providers/better-auth.md.
    let keys = RemoteKeySet::jwks(format!("{}/api/auth/jwks", provider.origin()));
    let api =
        |issuer: &str, audience: &str| Authenticator::<Value>::builder().keys(&keys).issuer(issuer).audience(audience);
    let status = |auth: AuthenticatorBuilder<Value>, token: &str| {
        let auth = auth.build().unwrap();
        runtime.block_on(oidc_tests::status(&auth, token))
    };
    let origin = provider.origin();
    assert_eq!(status(api(&origin, &origin), token), 200);
    assert_eq!(status(api(&origin, &origin), id_token), 401);
    assert_eq!(status(api(&origin, &origin), access_token), 401, "it is no JWT");
    // Not even where an API has the names that are in it, unless it is told to.
    let api = || api(&provider.issuer(), &client.id);
    assert_eq!(status(api(), id_token), 401);
    assert_eq!(status(api().dangerous_accept_id_tokens(), id_token), 200);
}
