//! Each rule fails where it is broken, and only there.

use crate::check::{Report, check};
use crate::tree::Tree;

/// A repository with these files, by their paths from its root. What is not given is there, and breaks no rule.
fn report(files: &[(&str, &str)]) -> Result<Report, String> {
    let mut roof = String::new();
    for (path, _) in files {
        if let Some(path) = path.strip_prefix("jwt-core/src/") {
            let module = format!("mod {};\n", path.split('/').next().unwrap().trim_end_matches(".rs"));
            if !roof.contains(&module) {
                roof.push_str(&module);
            }
        }
    }
    let usual = [
        ("jwt-core/Cargo.toml", "[dependencies]\n"),
        ("jwt-core/src/lib.rs", &*roof),
        ("jwt-tower/Cargo.toml", "[dependencies]\n"),
        ("jwt-tower/src/lib.rs", ""),
        ("jwt-actix/Cargo.toml", "[dependencies]\n"),
        ("jwt-actix/src/lib.rs", ""),
    ];
    let tree: Tree = usual.into_iter().chain(files.iter().copied()).collect();
    check(&tree)
}

fn violations(files: &[(&str, &str)]) -> Vec<String> {
    report(files).unwrap().violations
}

/// What is found in a file of the room `verify`, beside which there is a room on each side.
fn in_verify(text: &str) -> Vec<String> {
    let found = violations(&[
        ("jwt-core/src/clock.rs", "pub struct Clock;"),
        ("jwt-core/src/verify/mod.rs", "mod token;"),
        ("jwt-core/src/verify/token.rs", text),
        ("jwt-core/src/login/mod.rs", "pub mod cookies;\npub struct Logins;\npub fn log_in() {}"),
        ("jwt-core/src/login/cookies.rs", "pub struct Cookies;"),
    ]);
    let told = |violation: String| {
        let (place, rest) = violation.split_once(": verify -> login: ").unwrap();
        let line = place.strip_prefix("jwt-core/src/verify/token.rs:").unwrap();
        format!("{line} {}", rest.strip_suffix(" (up, from floor 5 to floor 9)").unwrap())
    };
    found.into_iter().map(told).collect()
}

#[test]
fn imports_that_run_down_are_fine() {
    let report = report(&[
        ("jwt-core/src/clock.rs", "pub struct Clock;"),
        ("jwt-core/src/verify/mod.rs", "use crate::clock::Clock;\npub struct Verifier(super::clock::Clock);"),
        ("jwt-core/src/login/mod.rs", "use crate::{clock::Clock, verify::Verifier};"),
    ])
    .unwrap();
    assert_eq!(report.violations, [""; 0]);
    assert_eq!(report.summary, "house: 3 rooms on the first level, 4 files, 4 imports between rooms; violations: 0");
}

#[test]
fn an_import_that_runs_up_is_told_with_its_place() {
    assert_eq!(
        violations(&[
            ("jwt-core/src/verify/mod.rs", "//! Verifies.\n\nuse crate::login::Logins;"),
            ("jwt-core/src/login/mod.rs", "pub struct Logins;"),
        ]),
        ["jwt-core/src/verify/mod.rs:3: verify -> login: crate::login::Logins (up, from floor 5 to floor 9)"]
    );
}

#[test]
fn an_import_through_super_is_found() {
    assert_eq!(in_verify("use super::super::login::Logins;"), ["1 super::super::login::Logins"]);
    assert_eq!(in_verify("mod inner {\n use super::super::super::login;\n}"), ["2 super::super::super::login"]);
    assert_eq!(in_verify("fn f() { super::super::login::log_in() }"), ["1 super::super::login::log_in"]);
    // Of its own room.
    assert_eq!(
        in_verify("use super::token; use self::inner::A; mod inner { pub use super::B as A; } struct B;"),
        [""; 0]
    );
}

#[test]
fn an_import_in_nested_braces_is_found_and_so_is_one_with_another_name() {
    let text = "use crate::{\n clock::{self, Clock as Time},\n login::{\n  self as sessions,\n  cookies::{self, Cookies},\n  *,\n },\n};";
    assert_eq!(
        in_verify(text),
        ["4 crate::login", "5 crate::login::cookies", "5 crate::login::cookies::Cookies", "6 crate::login"][..]
            .iter()
            .map(|told| (*told).to_owned())
            .collect::<Vec<_>>()
    );
}

#[test]
fn a_path_is_found_wherever_it_stands() {
    for (text, expected) in [
        ("struct Own(Vec<Option<crate::login::Logins>>);", "1 crate::login::Logins"),
        ("fn f(_: impl Fn(crate::login::Logins)) {}", "1 crate::login::Logins"),
        ("fn f() {\n let _ = crate::login::log_in();\n}", "2 crate::login::log_in"),
        ("fn f() {\n use crate::login::log_in;\n log_in();\n}", "2 crate::login::log_in"),
        ("impl From<crate::login::Logins> for Own {}", "1 crate::login::Logins"),
        ("fn f() { let crate::login::Logins = g(); }", "1 crate::login::Logins"),
        ("fn f() {\n println!(\"{}\",\n crate::login::log_in());\n}", "3 crate::login::log_in"),
        ("macro_rules! own { () => { $crate::login::log_in() } }", "1 crate::login::log_in"),
        ("own! { use super::super::{login::{Logins}, clock}; }", "1 super::super::login::Logins"),
        ("#[serde(with = \"crate::login::cookies\")]\nstruct Own;", "1 crate::login::cookies"),
        ("#[derive(crate::login::Derived)]\nstruct Own;", "1 crate::login::Derived"),
    ] {
        assert_eq!(in_verify(text), [expected], "{text}");
    }
    // It is visible there, and imports nothing from there.
    assert_eq!(in_verify("pub(in crate::login) struct Own;\npub(crate) struct Other;"), [""; 0]);
    // One line is one import, whatever is done with it later on.
    assert_eq!(in_verify("use crate::login;\nfn f() { login::log_in(); login::cookies::set(); }"), ["1 crate::login"]);
}

#[test]
fn tests_and_comments_do_not_count() {
    let verify = |text: &str| in_verify(text).len();
    for text in [
        "#[cfg(test)]\nmod tests {\n use crate::login::Logins;\n}",
        "#[cfg(test)]\nmod tests;",
        "#[cfg(test)]\nuse crate::login::Logins;",
        "#[cfg(all(test, feature = \"login\"))]\nfn f() { crate::login::log_in() }",
        "#[cfg(any(test, all(test, doc)))]\nfn f() { crate::login::log_in() }",
        "struct A;\nimpl A {\n #[cfg(test)]\n fn f() { crate::login::log_in() }\n}",
        "struct A {\n #[cfg(test)]\n logins: crate::login::Logins,\n}",
        "fn f() {\n #[cfg(test)]\n crate::login::log_in();\n #[cfg(test)]\n let _ = crate::login::Logins;\n}",
        "#![cfg(test)]\nuse crate::login::Logins;",
        "// use crate::login::Logins;\n/* crate::login::log_in() */",
        "/// See [`crate::login::Logins`].\n///\n/// use crate::login::Logins;\nfn f() {}",
        "//! Above it is crate::login::Logins.",
        "const TEXT: &str = \"crate::login::Logins\";",
    ] {
        assert_eq!(verify(text), 0, "{text}");
    }
    for text in [
        "#[cfg(any(test, feature = \"testing\"))]\nuse crate::login::Logins;",
        "#[cfg(not(test))]\nuse crate::login::Logins;",
        "#[cfg(feature = \"test\")]\nuse crate::login::Logins;",
    ] {
        assert_eq!(verify(text), 1, "{text}");
    }
}

#[test]
fn what_is_exported_again_counts_for_the_room_that_defines_it() {
    let rooms = [
        ("jwt-core/src/login/mod.rs", "mod cookies;\npub use cookies::Cookies;"),
        ("jwt-core/src/login/cookies.rs", "pub struct Cookies;"),
    ];
    let found = |others: &[(&str, &str)]| violations(&[&rooms, others].concat());
    let up = "jwt-core/src/verify/token.rs:1: verify -> login: ";
    // Through lib.rs, which may import all.
    let root =
        ("jwt-core/src/lib.rs", "mod verify;\nmod login;\npub use login::{Cookies as Biscuits};\nuse verify::*;");
    let verify = ("jwt-core/src/verify/mod.rs", "mod token;\npub struct Verifier;");
    let found_at_root =
        found(&[root, verify, ("jwt-core/src/verify/token.rs", "use crate::Biscuits;\nuse crate::Verifier;")]);
    assert_eq!(found_at_root, [format!("{up}crate::Biscuits (up, from floor 5 to floor 9)")]);
    // Through the module around it, which is told for what it does, and so is what uses it.
    let verify = ("jwt-core/src/verify/mod.rs", "mod token;\nuse crate::login::Cookies;");
    let found_in_room = found(&[verify, ("jwt-core/src/verify/token.rs", "use super::Cookies;")]);
    assert_eq!(found_in_room.len(), 2, "{found_in_room:?}");
    assert!(found_in_room[1].starts_with(&format!("{up}super::Cookies")), "{found_in_room:?}");
}

#[test]
fn what_lib_rs_defines_is_above_all_rooms() {
    let roof = "mod clock;\npub const LIMIT: u8 = 1;\nmacro_rules! hidden { () => {} }";
    let clock = "use crate::LIMIT;\nfn f() { hidden!(); }";
    assert_eq!(
        violations(&[("jwt-core/src/lib.rs", roof), ("jwt-core/src/clock.rs", clock)]),
        [
            "jwt-core/src/clock.rs:1: clock -> lib.rs: crate::LIMIT (up, from floor 0 to the roof)",
            "jwt-core/src/clock.rs:2: clock -> lib.rs: hidden (up, from floor 0 to the roof)",
        ]
    );
}

#[test]
fn a_macro_that_is_called_by_its_name_is_an_import() {
    let login = "macro_rules! told { () => {} }\n#[cfg(test)]\nmacro_rules! tried { () => {} }\n#[macro_export]\nmacro_rules! exported { () => {} }";
    let found = |text: &str| violations(&[("jwt-core/src/login/mod.rs", login), ("jwt-core/src/verify/mod.rs", text)]);
    assert_eq!(found("fn f() { told!(); }").len(), 1);
    assert_eq!(found("fn f() { vec![told!()]; }").len(), 1);
    assert_eq!(found("fn f() { crate::exported!(); }").len(), 1);
    assert_eq!(found("macro_rules! told { () => {} }\nfn f() { told!(); }"), [""; 0]);
    assert_eq!(found("fn f() { vec![1]; }"), [""; 0]);
    assert_eq!(found("fn f() { tried!(); }"), [""; 0]);
}

#[test]
fn two_rooms_of_one_floor_do_not_import_each_other() {
    let found = violations(&[
        ("jwt-core/src/guard/mod.rs", "mod a;\nmod b;"),
        ("jwt-core/src/guard/a.rs", "use crate::issue::Issuer;"),
        ("jwt-core/src/guard/b.rs", "pub struct Guard;"),
        ("jwt-core/src/issue/mod.rs", "pub struct Issuer;\nmod keys;"),
        ("jwt-core/src/issue/keys.rs", "use crate::guard::b::Guard;"),
    ]);
    assert_eq!(
        found,
        [
            "jwt-core/src/guard/a.rs:1: guard -> issue: crate::issue::Issuer (and back, on one floor)",
            "jwt-core/src/issue/keys.rs:1: issue -> guard: crate::guard::b::Guard (and back, on one floor)",
        ],
        "and it is no circle of files"
    );
    // One of them may import the other.
    let one_way = [
        ("jwt-core/src/guard/mod.rs", "use crate::issue::Issuer;"),
        ("jwt-core/src/issue/mod.rs", "pub struct Issuer;"),
    ];
    assert_eq!(violations(&one_way), [""; 0]);
}

#[test]
fn a_circle_of_files_is_told_with_the_imports_that_tie_it() {
    let found = violations(&[
        ("jwt-core/src/address.rs", "use crate::clock::Clock;\npub struct Address;"),
        ("jwt-core/src/clock.rs", "use crate::json::Json;\npub struct Clock;"),
        ("jwt-core/src/json/mod.rs", "mod inner;\npub use inner::Json;"),
        ("jwt-core/src/json/inner.rs", "use super::outer;\npub struct Json;"),
        ("jwt-core/src/transport.rs", "use crate::address::Address;"),
    ]);
    assert_eq!(found, [""; 0], "there is none yet");
    let found = violations(&[
        ("jwt-core/src/address.rs", "use crate::clock::Clock;\npub struct Address;"),
        ("jwt-core/src/clock.rs", "use crate::json::Json;\npub struct Clock;"),
        ("jwt-core/src/json/mod.rs", "mod inner;\nmod outer;\npub use inner::Json;"),
        ("jwt-core/src/json/inner.rs", "use super::outer::Text;\npub struct Json;"),
        ("jwt-core/src/json/outer.rs", "use crate::address::Address;\npub struct Text;"),
        ("jwt-core/src/transport.rs", "use crate::address::Address;"),
    ]);
    assert_eq!(
        found,
        ["4 files of address, clock, json import each other; the shortest circle:
    jwt-core/src/address.rs:1: address -> clock: crate::clock::Clock
    jwt-core/src/clock.rs:1: clock -> json: crate::json::Json
    jwt-core/src/json/inner.rs:1: json -> json: super::outer::Text
    jwt-core/src/json/outer.rs:1: json -> address: crate::address::Address"]
    );
    // Within a room, files may import each other.
    let room = [
        ("jwt-core/src/verify/mod.rs", "mod a;\nmod b;"),
        ("jwt-core/src/verify/a.rs", "use super::b::B;\npub struct A;"),
        ("jwt-core/src/verify/b.rs", "use super::a::A;\npub struct B;"),
    ];
    assert_eq!(violations(&room), [""; 0]);
}

#[test]
fn a_folder_has_a_floor_and_a_file_is_on_the_ground() {
    assert_eq!(
        violations(&[("jwt-core/src/cellar/mod.rs", ""), ("jwt-core/src/helper.rs", "")]),
        ["jwt-core/src/cellar/mod.rs:1: room cellar is on no floor: add it to the table"]
    );
    // A room may be a file first, and become a folder.
    let early = [("jwt-core/src/helper.rs", "use crate::key::Key;"), ("jwt-core/src/key.rs", "pub struct Key;")];
    assert_eq!(violations(&early).len(), 1);
}

#[test]
fn a_module_may_have_another_file_under_another_feature() {
    let files = |module: &str| {
        let roof = format!("{module}mod login;");
        violations(&[
            ("jwt-core/src/lib.rs", &*roof),
            ("jwt-core/src/observe/log.rs", "use crate::login::A;"),
            ("jwt-core/src/observe/silent.rs", "use crate::login::B;"),
            ("jwt-core/src/login/mod.rs", "pub struct A;\npub struct B;"),
        ])
    };
    let twins = "#[cfg(feature = \"a\")]\n#[path = \"observe/log.rs\"]\nmod log;\n#[cfg(not(feature = \"a\"))]\n#[path = \"observe/silent.rs\"]\nmod log;\n";
    assert_eq!(files(twins).len(), 2);
    let twins = "mod observe {\n #[cfg_attr(not(feature = \"a\"), path = \"silent.rs\")]\n mod log;\n}\n";
    assert_eq!(files(twins).len(), 2);
}

#[test]
fn the_core_names_no_framework() {
    let source = |text: &str| violations(&[("jwt-core/src/clock.rs", text)]);
    assert_eq!(source("use axum::Router;"), ["jwt-core/src/clock.rs:1: jwt-core -> axum: axum::Router"]);
    for text in [
        "use axum_core::extract::FromRequest;",
        "fn f(_: ::hyper::body::Incoming) {}",
        "fn f() { tower_http::trace() }",
        "use {http::Request, actix_web::{dev, web::Data}};",
        "extern crate rocket;",
        "use tonic as grpc;\nfn f(_: grpc::Status) {}",
        "fn f() { println!(\"{}\", warp::path()); }",
        "use jwt_tower::JwtAuth;",
    ] {
        assert_eq!(source(text).len(), 1 + usize::from(text.contains("as grpc")), "{text}");
    }
    for text in [
        "//! Not for axum.\nfn f() { let axum = 1; }",
        "use towering::Inferno;",
        "mod tower { pub fn f() {} }\nfn f() { tower::f() }",
        "#[cfg(test)]\nuse axum::Router;",
        "#[cfg(feature = \"axum\")]\nfn f() {}",
    ] {
        assert_eq!(source(text), [""; 0], "{text}");
    }
    let manifest = |text: &str| violations(&[("jwt-core/Cargo.toml", text)]);
    assert_eq!(
        manifest("[package]\nname = \"jwt-core\"\n\n[dependencies]\nhttp = \"1\"\naxum-core.workspace = true\n"),
        ["jwt-core/Cargo.toml:6: jwt-core -> axum_core: a dependency"]
    );
    for text in [
        "[dependencies]\nweb = { package = \"actix-web\", version = \"4\" }",
        "[target.'cfg(unix)'.dependencies]\nhyper = \"1\"",
        "[dependencies.tower]\nversion = \"0.5\"\noptional = true",
        "[build-dependencies]\ntonic = \"0.14\"",
    ] {
        assert_eq!(manifest(text).len(), 1, "{text}");
    }
    let fine = "[features]\naxum = []\n[dependencies]\nhttp = \"1\"\n[dev-dependencies]\naxum = \"0.8\"\n";
    assert_eq!(manifest(fine), [""; 0]);
}

#[test]
fn an_adapter_names_no_cryptography_and_no_other_adapter() {
    let tower = |text: &str| violations(&[("jwt-tower/src/lib.rs", text)]);
    assert_eq!(
        tower("\nuse jsonwebtoken::Algorithm;"),
        ["jwt-tower/src/lib.rs:2: jwt-tower -> jsonwebtoken: jsonwebtoken::Algorithm"]
    );
    for text in [
        "use aws_lc_rs::hmac;",
        "fn f() { ring::digest::digest() }",
        "use rsa::RsaPublicKey;",
        "use {p256::ecdsa, http::Request};",
        "fn f(_: ed25519_dalek::Signature) {}",
        "use jwt_actix::JwtAuth;",
    ] {
        assert_eq!(tower(text).len(), 1, "{text}");
    }
    let fine = "use axum_core::Router;\nuse jwt_core::key::Algorithm;\n#[cfg(feature = \"aws-lc-rs\")]\nfn f() {}\n// ring::digest\nfn g() { string::ring() }";
    assert_eq!(tower(fine), [""; 0]);
    let manifest = "[features]\naws-lc-rs = [\"jwt-core/aws-lc-rs\"]\n[dependencies]\njwt-core = \"1\"\naws-lc-rs = \"1\"\njwt-tower = \"1\"";
    assert_eq!(
        violations(&[("jwt-actix/Cargo.toml", manifest)]),
        [
            "jwt-actix/Cargo.toml:5: jwt-actix -> aws_lc_rs: a dependency",
            "jwt-actix/Cargo.toml:6: jwt-actix -> jwt_tower: a dependency",
        ]
    );
}

#[test]
fn every_file_of_a_suite_is_in_its_binary() {
    let suite = [
        ("tests/stores/tests/main.rs", "//! Stores.\n\nmod client;\nmod redis;\n"),
        ("tests/stores/tests/redis.rs", ""),
        ("tests/stores/tests/client/mod.rs", "mod inner;"),
        ("tests/stores/tests/client/inner.rs", ""),
    ];
    assert_eq!(violations(&suite), [""; 0]);
    let forgotten = [("tests/stores/tests/model.rs", ""), ("tests/stores/tests/server/mod.rs", "")];
    let to = "to tests/stores/tests/main.rs";
    assert_eq!(
        violations(&[&suite[..], &forgotten].concat()),
        [
            format!("tests/stores/tests/model.rs:1: is in no test binary: add `mod model;` {to}"),
            format!("tests/stores/tests/server/mod.rs:1: is in no test binary: add `mod server;` {to}"),
        ]
    );
}

#[test]
fn numbers_leave_out_blank_lines_comments_and_tests() {
    let clock = "//! A clock.\n\n/// It\n/// ticks.\n#[cfg(feature = \"a\")]\npub struct Clock(\n    u8, // eight\n);\n\n/* not\n   now */\nconst TEXT: &str = \"\n\n\";\n\n#[cfg(test)]\nmod tests {\n    #[cfg(unix)]\n    fn f() {}\n}\nmacro_rules! m { () => { #[cfg(not(feature = \"a\"))] fn f() {} #[cfg(test)] fn g() {} } }\n";
    let report = report(&[("jwt-core/src/clock.rs", clock)]).unwrap();
    let lines: Vec<&str> = report.numbers.lines().collect();
    assert_eq!(
        lines,
        [
            "floor  room              files  lines",
            "    0  clock                 1      8",
            "   10  lib.rs                1      1",
            "9 lines of code, 2 cfg attributes",
        ]
    );
}

#[test]
fn what_cannot_be_read_is_an_error() {
    let error = |files: &[(&str, &str)]| report(files).unwrap_err();
    assert!(error(&[("jwt-core/src/clock.rs", "fn f() {}\nfn {}")]).starts_with("jwt-core/src/clock.rs:2: "));
    assert!(error(&[("jwt-core/src/clock.rs", "fn f() {\n(}")]).starts_with("jwt-core/src/clock.rs:"));
    let missing = error(&[("jwt-core/src/clock.rs", "\nmod parts;")]);
    assert_eq!(missing, "jwt-core/src/clock.rs:2: no file of the module parts");
    assert!(error(&[("jwt-core/Cargo.toml", "[dependencies")]).starts_with("jwt-core/Cargo.toml: "));
}
