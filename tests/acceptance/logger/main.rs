//! Where an application has a logger of the crate `log` and no subscriber, it gets the same reasons.

use std::sync::Mutex;

use acceptance::{builder, good_claims, hs256};
use jwt_core::TokenSource;
use jwt_core::adapter::Verdict;
use log::{LevelFilter, Log, Metadata, Record};

struct Lines(Mutex<Vec<String>>);

static LINES: Lines = Lines(Mutex::new(Vec::new()));

impl Log for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "jwt"
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            self.0.lock().unwrap().push(format!("{} {}", record.level(), record.args()));
        }
    }

    fn flush(&self) {}
}

#[test]
fn a_logger_of_the_crate_log_gets_the_reason_of_every_refusal() {
    log::set_logger(&LINES).unwrap();
    log::set_max_level(LevelFilter::Debug);
    let auth = builder().source(TokenSource::bearer()).source(TokenSource::cookie("t")).build().unwrap();
    let refused = |head: http::request::Builder, expected: &[&str]| {
        assert!(matches!(auth.authenticate(&head.body(()).unwrap()), Verdict::Rejected(_)));
        let lines = std::mem::take(&mut *LINES.0.lock().unwrap());
        let [line] = lines.as_slice() else { panic!("{lines:?}") };
        assert!(expected.iter().all(|part| line.contains(part)), "{line}");
    };
    let mut claims = good_claims();
    claims["aud"] = "somebody-else".into();
    let get = || http::Request::get("/");
    let wrong = get().header("authorization", format!("Bearer {}", hs256(&claims)));
    refused(wrong, &["INFO request rejected", "`aud` is \"somebody-else\"", "unverified_issuer="]);
    let bare = get().header("authorization", hs256(&claims));
    refused(bare, &["INFO request rejected", "without \\\"Bearer\\\""]);
    refused(get(), &["DEBUG request rejected", "no token in the request"]);
    let of_another_site = http::Request::post("/").header("cookie", format!("t={}", hs256(&good_claims())));
    let of_another_site =
        of_another_site.header("sec-fetch-site", "cross-site").header("origin", "https://evil.example");
    refused(of_another_site, &["WARN cross-site request rejected", "unverified_origin=", "evil.example"]);
}
