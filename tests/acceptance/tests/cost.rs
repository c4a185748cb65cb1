//! A law: what a refused request costs. Counted in allocations, the log line and the answer among them.

use std::convert::Infallible;
use std::sync::Arc;

use acceptance::{AUDIENCE, ISSUER, Log, SECRET, Stopped, User, WatchedStore, base64url, compact, good_claims, hs256};
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, web};
use allocation_counter::{AllocationInfo, measure};
use http::request::Parts;
use http::{Request, Response};
use jwt_core::adapter::Verdict;
use jwt_core::{Authenticator, AuthenticatorBuilder, KeySet, Sessions, TokenSource};
use proptest::prelude::*;
use tower::{Layer, Service, ServiceExt, service_fn};

/// A refused request may cost so many times what the cheapest valid one costs, and the bytes of its token twice more: it
/// is decoded for the verdict, and for the log, which says whose token it claims to be.
const TIMES: u64 = 6;

const HS256: &str = r#"{"typ":"JWT","alg":"HS256"}"#;

type Fields = Vec<(&'static str, String)>;

/// The builder of the suite without its cache, with which a token that comes again costs nothing at all.
fn uncached() -> AuthenticatorBuilder<User> {
    let builder = Authenticator::builder().keys(KeySet::hs256(SECRET).unwrap());
    builder.issuer(ISSUER).audience(AUDIENCE).clock(Stopped)
}

fn authenticator() -> Authenticator<User> {
    let sources = [TokenSource::bearer(), TokenSource::cookie("access_token"), TokenSource::query("access_token")];
    sources.into_iter().fold(uncached(), AuthenticatorBuilder::source).build().unwrap()
}

fn bearer(token: &str) -> Fields {
    vec![("authorization", format!("Bearer {token}"))]
}

/// Claims with so many members more.
fn members(count: usize) -> String {
    let mut claims = good_claims();
    for number in 0..count {
        claims[format!("m{number}")] = number.into();
    }
    claims.to_string()
}

/// A good token whose signature is another one.
fn forged(token: &str) -> String {
    let (message, signature) = token.rsplit_once('.').unwrap();
    format!("{message}.{}{}", &signature[1..], &signature[..1])
}

/// Heads that were made to cost as much as can be: fields, and the query.
fn hostile() -> Vec<(&'static str, Fields, String)> {
    let good = hs256(&good_claims());
    let header =
        |inner: &str| forged(&compact(&format!(r#"{{"alg":"HS256",{inner}}}"#), good_claims().to_string().as_bytes()));
    let many = |what: &dyn Fn(usize) -> String| (0..1000).map(what).collect::<Vec<_>>();
    let numbers =
        |from: usize| (from..from + 600).map(|number| format!(r#""c{number}""#)).collect::<Vec<_>>().join(",");
    let at_limit = forged(&compact(HS256, members(400).as_bytes()));
    let over_limit = forged(&compact(HS256, members(20_000).as_bytes()));
    let cookies = many(&|number| format!("name{number}=value{number}")).join("; ");
    let pairs = many(&|number| format!("name{number}=%41{number}")).join("&");
    vec![
        ("nothing", vec![], String::new()),
        ("one byte", bearer("x"), String::new()),
        ("15 kB of one letter", bearer(&"x".repeat(15_000)), String::new()),
        ("15 kB of dots", bearer(&".".repeat(15_000)), String::new()),
        ("15 kB of commas", bearer(&",".repeat(15_000)), String::new()),
        ("15 kB of blanks", vec![("authorization", format!("Bearer{}x", " ".repeat(15_000)))], String::new()),
        ("a scheme of 15 kB", vec![("authorization", format!("{} x", "B".repeat(15_000)))], String::new()),
        ("a forged token", bearer(&forged(&good)), String::new()),
        ("a forged token of many members", bearer(&at_limit), String::new()),
        ("a forged token far over the limit", bearer(&over_limit), String::new()),
        (
            "brackets",
            bearer(&format!("{}.{}.x", base64url("[".repeat(4000)), base64url("[".repeat(2000)))),
            String::new(),
        ),
        ("a header of many members", bearer(&header(&format!(r#""x":[{}]"#, numbers(0)))), String::new()),
        ("a long crit", bearer(&header(&format!(r#""crit":[{}]"#, numbers(0)))), String::new()),
        ("a long kid", bearer(&header(&format!(r#""kid":"{}""#, "k".repeat(5000)))), String::new()),
        ("a kid of escapes", bearer(&header(&format!(r#""kid":"{}""#, r"\u0000\u202e".repeat(400)))), String::new()),
        (
            "a long alg",
            bearer(&forged(&compact(&format!(r#"{{"alg":"{}"}}"#, "H".repeat(5000)), b"{}"))),
            String::new(),
        ),
        ("many fields", (0..200).map(|_| ("authorization", "Bearer x".to_owned())).collect(), String::new()),
        ("many cookies", vec![("cookie", cookies)], String::new()),
        ("a cookie many times", vec![("cookie", many(&|_| "access_token=x".to_owned()).join("; "))], String::new()),
        ("a long query", vec![], format!("?{pairs}")),
        ("a parameter many times", vec![], format!("?{}", many(&|_| "access_token=x".to_owned()).join("&"))),
        ("an escaped parameter", vec![], format!("?access_token={}", "%41".repeat(5000))),
        (
            "every source",
            [bearer("x"), vec![("cookie", "access_token=x".to_owned())]].concat(),
            "?access_token=x".into(),
        ),
    ]
}

fn head(fields: &Fields, query: &str) -> Request<()> {
    let request = Request::builder().uri(format!("http://localhost/me{query}"));
    fields.iter().fold(request, |request, (name, value)| request.header(*name, value)).body(()).unwrap()
}

/// What it costs a stack to answer a request, and the status that comes out.
type Measured<'a> = Box<dyn FnMut(&Fields, &str) -> (u16, AllocationInfo) + 'a>;

fn core(authenticator: &Authenticator<User>) -> Measured<'_> {
    Box::new(|fields, query| {
        let (parts, ()): (Parts, ()) = head(fields, query).into_parts();
        let mut status = 0;
        let info = measure(|| {
            status = match authenticator.authenticate(&parts) {
                Verdict::Verified(_) => 200,
                Verdict::Rejected(error) => authenticator.answer(&error).status.as_u16(),
                _ => unreachable!("all keys are at hand, and a token is required"),
            }
        });
        (status, info)
    })
}

fn tower(authenticator: &Authenticator<User>) -> Measured<'_> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let served = service_fn(async |_| Ok::<_, Infallible>(Response::new("served".to_owned())));
    let mut service = jwt_tower::JwtAuth::new(authenticator.clone()).layer(served);
    Box::new(move |fields, query| {
        let (request, mut status) = (head(fields, query), 0);
        let info = measure(|| {
            let answer = async { service.ready().await.unwrap().call(request).await.unwrap() };
            status = runtime.block_on(answer).status().as_u16();
        });
        (status, info)
    })
}

fn actix(authenticator: &Authenticator<User>) -> Measured<'_> {
    let system = actix_web::rt::System::new();
    let auth = jwt_actix::JwtAuth::new(authenticator.clone());
    let app = App::new().wrap(auth).route("/me", web::get().to(async || "served"));
    let app = system.block_on(init_service(app));
    Box::new(move |fields, query| {
        let request = TestRequest::get().uri(&format!("/me{query}"));
        let request =
            fields.iter().fold(request, |request, (name, value)| request.append_header((*name, value.as_str())));
        let (request, mut status) = (request.to_request(), 0);
        let info = measure(|| {
            let answer = actix_web::dev::Service::call(&app, request);
            status = system.block_on(answer).unwrap().status().as_u16();
        });
        (status, info)
    })
}

fn stacks(authenticator: &Authenticator<User>) -> [(&'static str, Measured<'_>); 3] {
    [("core", core(authenticator)), ("jwt-tower", tower(authenticator)), ("jwt-actix", actix(authenticator))]
}

/// What the cheapest valid request costs, after what is made once was made.
fn cheapest(answer: &mut Measured<'_>) -> AllocationInfo {
    let fields = bearer(&hs256(&good_claims()));
    for _ in 0..3 {
        assert_eq!(answer(&fields, "").0, 200);
    }
    answer(&fields, "").1
}

#[track_caller]
fn assert_cheap(case: &str, sent: &Fields, valid: AllocationInfo, (status, refused): (u16, AllocationInfo)) {
    assert!((400..500).contains(&status), "{case}: {status}");
    let (count, of_valid) = (refused.count_total, valid.count_total);
    assert!(count <= TIMES * of_valid, "{case}: {count} allocations, a valid one {of_valid}");
    // No more of a token than the limit allows is ever decoded.
    let token = sent.iter().map(|(_, value)| value.len().min(8192) as u64).sum::<u64>();
    let (bytes, of_valid) = (refused.bytes_total, valid.bytes_total);
    assert!(
        bytes <= TIMES * of_valid + 2 * token,
        "{case}: {bytes} bytes, a valid one {of_valid}, and {token} were sent"
    );
}

#[test]
fn a_refused_request_costs_a_small_constant_times_the_cheapest_valid_one() {
    let (log, authenticator) = (Log::here(), authenticator());
    for (name, mut answer) in stacks(&authenticator) {
        let valid = cheapest(&mut answer);
        for (case, fields, query) in hostile() {
            // The first one of its kind may make what is kept.
            answer(&fields, &query);
            log.take();
            let measured = answer(&fields, &query);
            assert_cheap(&format!("{name}: {case}"), &fields, valid, measured);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 48 } else { 256 }))]

    /// A law: nothing beyond the limit is read, hashed, logged or looked up. A token that is over it, and good otherwise,
    /// costs no more than none at all: neither for the verdict, nor for the log, nor in the store.
    #[test]
    fn what_is_beyond_the_limit_costs_nothing_whatever_it_is(
        limit in 256..2048_usize,
        excess in prop_oneof![1..4_usize, 1000..20_000_usize],
        kind in 0..4_u8,
    ) {
        let (log, store) = (Log::here(), Arc::new(WatchedStore::new()));
        // Whoever asked it would get an answer of 503.
        store.set_down(true);
        let sessions = Sessions::builder(store).build().unwrap();
        let authenticator = uncached().sessions(&sessions).max_token_len(limit).build().unwrap();
        let filler = "x".repeat(limit + excess);
        let mut claims = good_claims();
        claims["iss-marker"] = "marker".into();
        let token = match kind {
            0 => compact(&format!(r#"{{"alg":"HS256","kid":"marker","x":"{filler}"}}"#), claims.to_string().as_bytes()),
            1 => compact(HS256, members(limit).as_bytes()),
            2 => format!("jst_{filler}"),
            _ => {
                claims["padding"] = filler.into();
                hs256(&claims)
            }
        };
        prop_assert!(token.len() > limit);
        let mut answer = core(&authenticator);
        let nothing = answer(&vec![], "").1;
        // What is made once was made.
        answer(&bearer(&token), "");
        log.take();
        let (status, refused) = answer(&bearer(&token), "");
        prop_assert_eq!(status, 401);
        prop_assert!(!log.take().contains("marker"));
        // The answer, and a log line of a known length.
        prop_assert!(refused.count_total <= nothing.count_total + 2, "{} {}", refused.count_total, nothing.count_total);
        prop_assert!(refused.bytes_total <= nothing.bytes_total + 512, "{} {}", refused.bytes_total, nothing.bytes_total);
    }
}
