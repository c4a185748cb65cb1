//! Flows of browsers: where they lead, how they end, and whose answer is taken for them.

use std::collections::BTreeMap;
use std::time::Duration;

use acceptance::{Browser, ROUTED, RoutedStack};

use super::idp::parameters;
use super::{Place, error, everywhere, refused, to};

#[test]
fn who_names_no_page_goes_on_to_the_one_of_the_application() {
    everywhere(Place::new, |server, place| {
        let mut browser = Browser::at(server);
        let location = browser.begin("/auth/login/b");
        let query = place.b.agree(&location, "bob");
        assert_eq!(to(&browser.get(&format!("/auth/callback/b?{query}"))), (303, Some("/home")), "{}", server.stack);
        assert_eq!(browser.user().as_deref(), Some("b:bob"), "{}", server.stack);
    });
}

#[test]
fn a_flow_leads_nowhere_else_and_begins_with_a_navigation() {
    everywhere(Place::new, |server, place| {
        let mut browser = Browser::at(server);
        for page in
            ["//evil.example", "/%5Cevil.example", "https%3A%2F%2Fevil.example", "/%09/evil.example", "/auth/login/a"]
        {
            let reply = browser.get(&format!("/auth/login/a?return_to={page}"));
            assert_eq!(error(&reply), refused(400, "invalid_request"), "{} {page}", server.stack);
        }
        for mode in ["no-cors", "cors", "same-origin", "websocket"] {
            let reply = browser.send("GET", "/auth/login/a", &[("Sec-Fetch-Mode", mode)], "");
            assert_eq!(error(&reply), refused(403, "access_denied"), "{} {mode}", server.stack);
        }
        assert!(browser.jar.is_empty() && place.a.script().posted.is_empty(), "{}", server.stack);
        // A client that does not say.
        assert_eq!(browser.send("GET", "/auth/login/a", &[], "").status, 303, "{}", server.stack);
        let reply = browser.send("POST", "/auth/login/a", &[], "");
        assert_eq!((reply.status, reply.header("allow")), (405, Some("GET")), "{}", server.stack);
        let reply = browser.send("DELETE", "/auth/callback/a", &[], "");
        assert_eq!((reply.status, reply.header("allow")), (405, Some("GET, POST")), "{}", server.stack);
        assert_eq!(browser.get("/auth/login/c").status, 404, "{}", server.stack);
    });
}

#[test]
fn an_answer_that_is_none_is_refused() {
    everywhere(Place::new, |server, place| {
        let mut browser = Browser::at(server);
        let query = place.a.agree(&browser.begin("/auth/login/a"), "alice");
        let state = parameters(&query)["state"].clone();
        for query in [
            "",
            "code=a",
            "state=x&code=a",
            &*format!("state={state}&state={state}&code=a&iss=https://a.example"),
            &*format!("state={state}A&code=a&iss=https://a.example"),
            &*format!("state={}&code=a&iss=https://a.example", "A".repeat(32)),
        ] {
            let reply = browser.get(&format!("/auth/callback/a?{query}"));
            assert_eq!(error(&reply), refused(400, "invalid_request"), "{} {query}", server.stack);
        }
        assert_eq!((browser.flows(), place.a.script().posted.len()), (1, 0), "{}", server.stack);
        // None of that has ended the flow.
        assert_eq!(browser.get(&format!("/auth/callback/a?{query}")).status, 303, "{}", server.stack);
    });
}

#[test]
fn a_callback_that_is_replayed_logs_nobody_in() {
    everywhere(Place::new, |server, place| {
        let mut browser = Browser::at(server);
        let location = browser.begin("/auth/login/a");
        let before = browser.jar.clone();
        let callback = format!("/auth/callback/a?{}", place.a.agree(&location, "alice"));
        assert_eq!(browser.get(&callback).status, 303, "{}", server.stack);
        assert_eq!(error(&browser.get(&callback)), refused(400, "invalid_request"), "{}", server.stack);
        assert_eq!(browser.user().as_deref(), Some("a:alice"), "{}: the login goes on", server.stack);
        // Somebody has copied the cookie too: the provider redeems a code once.
        let mut thief = Browser::at(server).with(before);
        assert_eq!(error(&thief.get(&callback)), refused(400, "invalid_grant"), "{}", server.stack);
        assert_eq!((thief.user(), thief.flows()), (None, 0), "{}", server.stack);
    });
}

#[test]
fn each_tab_has_a_flow_of_its_own_and_there_are_only_so_many() {
    everywhere(Place::new, |server, place| {
        let mut browser = Browser::at(server);
        let first = browser.begin("/auth/login/a?return_to=/1");
        let second = browser.begin("/auth/login/b?return_to=/2");
        let third = browser.begin("/auth/login/a?return_to=/3");
        assert_eq!(browser.flows(), 3, "{}", server.stack);
        for (idp, provider, location, page) in
            [(&place.a, "a", third, "/3"), (&place.b, "b", second, "/2"), (&place.a, "a", first, "/1")]
        {
            let query = idp.agree(&location, "alice");
            let reply = browser.get(&format!("/auth/callback/{provider}?{query}"));
            assert_eq!(to(&reply), (303, Some(page)), "{}", server.stack);
        }
        let start = |_| {
            place.clock.advance(Duration::from_secs(1));
            browser.begin("/auth/login/a?return_to=/n")
        };
        let begun: Vec<String> = (0..20).map(start).collect();
        assert_eq!(browser.flows(), 4, "{}", server.stack);
        let last = place.a.agree(begun.last().unwrap(), "alice");
        assert_eq!(browser.get(&format!("/auth/callback/a?{last}")).status, 303, "{}", server.stack);
        let oldest = place.a.agree(&begun[0], "alice");
        assert_eq!(browser.get(&format!("/auth/callback/a?{oldest}")).status, 400, "{}", server.stack);
    });
}

#[test]
fn a_flow_ends_after_ten_minutes() {
    everywhere(Place::new, |server, place| {
        let mut browser = Browser::at(server);
        let query = place.a.agree(&browser.begin("/auth/login/a"), "alice");
        place.clock.advance(Duration::from_secs(600));
        let reply = browser.get(&format!("/auth/callback/a?{query}"));
        assert_eq!(error(&reply), refused(400, "invalid_request"), "{}", server.stack);
        assert_eq!(place.a.script().posted.len(), 0, "{}", server.stack);
    });
}

#[test]
fn no_provider_gets_the_code_of_another_one() {
    everywhere(Place::new, |server, place| {
        // The provider `b` is not honest: it sends the browser on to `a` with what it was asked for, and has the answer of
        // `a` go to its own callback (mix-up, RFC 9700 §4.4).
        let mut browser = Browser::at(server);
        let at_b = browser.begin("/auth/login/b");
        let at_a = at_b.replace("https://b.example", "https://a.example");
        let query = place.a.agree(&at_a, "alice");
        for callback in ["/auth/callback/b", "/auth/callback/a"] {
            let reply = browser.get(&format!("{callback}?{query}"));
            assert_eq!(error(&reply), refused(400, "invalid_request"), "{} {callback}", server.stack);
        }
        assert!(place.a.script().posted.is_empty() && place.b.script().posted.is_empty(), "{}", server.stack);
        // Without a name, and the metadata say that there is always one.
        let query = place.a.agree(&browser.begin("/auth/login/a"), "alice");
        let nameless = query.split("&iss=").next().unwrap();
        let reply = browser.get(&format!("/auth/callback/a?{nameless}"));
        assert_eq!(error(&reply), refused(400, "invalid_request"), "{}", server.stack);
        assert!(place.a.script().posted.is_empty(), "{}", server.stack);
        // Where it does not say so, there need not be one.
        let place = Place::new();
        place.a.script().metadata["authorization_response_iss_parameter_supported"] = false.into();
        let server = &RoutedStack::start(ROUTED[0], place.logins.clone());
        let mut browser = Browser::at(server);
        let query = place.a.agree(&browser.begin("/auth/login/a"), "alice");
        let nameless = query.split("&iss=").next().unwrap();
        assert_eq!(browser.get(&format!("/auth/callback/a?{nameless}")).status, 303, "{}", server.stack);
    });
}

/// Who can be brought to open which address. Two people with two browsers begin flows at two providers; each answer that a
/// provider has given to anybody is opened in either browser, at either callback. Whoever is logged in afterwards has signed
/// in as that person, in that browser, by that flow.
#[test]
fn nobody_is_logged_in_by_an_answer_that_is_not_to_a_flow_of_this_browser() {
    for stack in ROUTED {
        let mut logged_in = 0;
        for (at_browser, at_callback) in [(0, "a"), (0, "b"), (1, "a"), (1, "b")] {
            for (of_browser, of_provider) in [(0, "a"), (0, "b"), (1, "a"), (1, "b")] {
                for injected in [false, true] {
                    let place = Place::new();
                    let server = stack.start(place.logins.clone());
                    let mut browsers = [Browser::at(&server), Browser::at(&server)];
                    let mut answers = BTreeMap::new();
                    for (number, person) in [(0, "victim"), (1, "attacker")] {
                        for (provider, idp) in [("a", &place.a), ("b", &place.b)] {
                            let location = browsers[number].begin(&format!("/auth/login/{provider}"));
                            answers.insert((number, provider), (location.clone(), idp.agree(&location, person)));
                        }
                    }
                    let (_, mut query) = answers[&(of_browser, of_provider)].clone();
                    if injected {
                        // The code of somebody else, with the `state` of this browser (code injection, RFC 9700 §4.5).
                        let own = parameters(&answers[&(at_browser, at_callback)].1)["state"].clone();
                        let code = parameters(&query)["code"].clone();
                        query = format!("code={code}&state={own}&iss=https://{at_callback}.example");
                    }
                    let browser = &mut browsers[at_browser];
                    browser.get(&format!("/auth/callback/{at_callback}?{query}"));
                    let expected = ["victim", "attacker"][at_browser];
                    let is_own = (at_browser, at_callback) == (of_browser, of_provider);
                    let user = browser.user();
                    assert_eq!(user, is_own.then(|| format!("{at_callback}:{expected}")), "{}", stack.name);
                    logged_in += usize::from(user.is_some());
                }
            }
        }
        assert_eq!(logged_in, 8, "{}", stack.name);
    }
}
