//! Which addresses are those of a target, and which settings make no sense.

use std::sync::LazyLock;

use acceptance::Stopped;
use http::header::AUTHORIZATION;
use http::{Request, Response, Uri};
use jwt_core::CompactToken;
use jwt_core::forward::{ForwardTarget, Forwarder, ForwarderBuildError};
use jwt_tower::ForwardToken;
use proptest::prelude::*;
use tower::{Layer, ServiceExt, service_fn};

use super::exchange::Numbered;
use super::{Body, alice};

#[test]
fn a_forwarder_that_would_not_do_what_it_seems_to_is_not_built() {
    let build = |targets: &[&str]| {
        let builder = targets.iter().fold(Forwarder::builder(), jwt_core::forward::ForwarderBuilder::target);
        builder.build().err()
    };
    assert_eq!(build(&["https://a.example", "https://b.example"]), None);
    assert_eq!(build(&[]), Some(ForwarderBuildError::NoTarget));
    let origin = "https://a.example/path".into();
    assert_eq!(
        build(&["https://b.example", "https://a.example/path"]),
        Some(ForwarderBuildError::NotAnOrigin { origin })
    );
    let origin = "http://a.example".into();
    assert_eq!(build(&["http://a.example"]), Some(ForwarderBuildError::InsecureOrigin { origin }));
    let origin = || "https://a.example:443".into();
    let twice = build(&["https://a.example", "https://A.example:443/"]);
    assert_eq!(twice, Some(ForwarderBuildError::DuplicateTarget { origin: origin() }));
    let narrow =
        |audience: &str| Forwarder::builder().target(ForwardTarget::new("https://a.example").audience(audience));
    assert_eq!(narrow("a").build().err(), Some(ForwarderBuildError::NoExchange { origin: origin() }));
    let empty = narrow("").exchange(Numbered::new(None)).build();
    assert_eq!(empty.err(), Some(ForwarderBuildError::EmptyAudience { origin: origin() }));
    let target = ForwardTarget::new("https://a.example").scope("");
    let empty = Forwarder::builder().target(target).exchange(Numbered::new(None)).build();
    assert_eq!(empty.err(), Some(ForwarderBuildError::EmptyScope { origin: origin() }));
    let unused = Forwarder::builder().target("https://a.example").exchange(Numbered::new(None));
    assert_eq!(unused.build().err(), Some(ForwarderBuildError::UnusedExchange));
}

// Whatever the address looks like.

const TARGETS: [&str; 3] = ["https://a.example", "http://127.0.0.1:8080", "https://b.example:8443"];

/// Addresses made of the pieces that parsers have been fooled with.
fn address() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "https://",
        "http://",
        "HTTPS://",
        "//",
        "a.example",
        "A.EXAMPLE",
        "b.example",
        "evil.example",
        "127.0.0.1",
        "localhost",
        "0x7f.1",
        "[::1]",
        ":443",
        ":8443",
        ":8080",
        ":80",
        ":",
        "@",
        "/",
        "\\",
        "?",
        "#",
        ".",
        "%2e",
        "%40",
        "\t",
        "\n",
        " ",
        "user",
        "\u{ff0e}",
        "\u{2024}",
        ";",
        "&",
        "..",
        "x",
        "*",
        "-",
    ]);
    let start = prop::sample::select(vec![
        "https://a.example",
        "http://127.0.0.1:8080",
        "https://b.example:8443",
        "https://",
        "http://",
        "",
    ]);
    (start, prop::collection::vec(piece, 0..6)).prop_map(|(start, pieces)| start.to_owned() + &pieces.concat())
}

static ALICE: LazyLock<CompactToken> = LazyLock::new(alice);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    /// Judged by another parser of addresses than the one in use, that of browsers (WHATWG), which reqwest uses too.
    #[test]
    fn no_origin_outside_of_the_list_ever_gets_the_header(address in address()) {
        let forwarder = TARGETS.iter().fold(Forwarder::builder().clock(Stopped), jwt_core::forward::ForwarderBuilder::target);
        let forwarder = forwarder.build().unwrap();
        let origin = |address: &str| reqwest::Url::parse(address).map(|url| url.origin());
        let is_target = |address: &str| {
            origin(address).is_ok_and(|found| TARGETS.iter().any(|target| origin(target).as_ref() == Ok(&found)))
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            if forwarder.headers(&ALICE, "GET", &*address).await.is_ok() {
                prop_assert!(is_target(&address), "{address:?}");
            }
            let Ok(uri) = address.parse::<Uri>() else { return Ok(()) };
            // Hands back what would have gone out.
            let echo = service_fn(async |request: Request<Body>| Ok::<_, ()>(Response::new(request)));
            let request = Request::get(uri).extension(ALICE.clone()).body(Body::default()).unwrap();
            if let Ok(sent) = ForwardToken::new(forwarder).layer(echo).oneshot(request).await {
                let sent = sent.into_body();
                prop_assert!(sent.headers()[AUTHORIZATION].is_sensitive());
                prop_assert!(is_target(&sent.uri().to_string()), "{address:?}");
            }
            Ok(())
        })?;
    }
}
