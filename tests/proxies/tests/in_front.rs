//! What comes through a proxy is what the client has sent.

use std::net::SocketAddr;

use acceptance::{Log, STACKS, Stack, good_claims, hs256};
use client::{Connection, Reply, request_to};
use jwt_core::TokenSource;

use crate::proxy::{KINDS, NGINX};

const HOST: &str = "app.example.com";
const ORIGIN: &str = "https://app.example.com";

fn start(stack: Stack) -> SocketAddr {
    let builder = acceptance::builder().source(TokenSource::cookie("t")).source(TokenSource::bearer());
    stack.start(builder.build().unwrap()).address
}

fn send(address: SocketAddr, method: &str, fields: &[(&str, &str)]) -> Reply {
    Connection::open(address).send(&request_to(HOST, method, "/me", fields))
}

#[test]
fn every_proxy_of_the_page_passes_on_what_the_checks_need() {
    let token = hs256(&good_claims());
    let (cookie, bearer) = (format!("t={token}"), format!("Bearer {token}"));
    for kind in KINDS.iter().filter(|kind| kind.is_there()) {
        for stack in STACKS {
            let who = format!("{}, {}", kind.heading, stack.name);
            let proxy = kind.start(kind.block(), start(stack));
            let status = |method: &str, fields: &[(&str, &str)]| send(proxy.address, method, fields).status;
            assert_eq!(status("GET", &[("Authorization", &bearer)]), 200, "{who}");
            assert_eq!(status("GET", &[("Cookie", &cookie)]), 200, "{who}");
            // A browser without `Sec-Fetch-Site`: `Origin` is held against `Host`.
            assert_eq!(status("DELETE", &[("Cookie", &cookie), ("Origin", ORIGIN)]), 200, "{who}");
            assert_eq!(status("DELETE", &[("Cookie", &cookie), ("Origin", "https://evil.example")]), 403, "{who}");
            // One with it.
            let fetched = |site| [("Cookie", &*cookie), ("Origin", ORIGIN), ("Sec-Fetch-Site", site)];
            assert_eq!(status("DELETE", &fetched("same-origin")), 200, "{who}");
            assert_eq!(status("DELETE", &fetched("cross-site")), 403, "{who}");
            let refused = send(proxy.address, "GET", &[]);
            assert_eq!(refused.status, 401, "{who}");
            assert!(refused.challenge().is_some_and(|challenge| challenge.starts_with("Bearer")), "{who}");
        }
    }
}

#[test]
fn where_a_proxy_changes_the_host_the_log_shows_both_names() {
    if !NGINX.is_there() {
        return;
    }
    let log = Log::here();
    let block = NGINX.block().replace("proxy_set_header Host $http_host;", "");
    assert_ne!(block, NGINX.block());
    let service = start(STACKS[0]);
    let proxy = NGINX.start(&block, service);
    let cookie = format!("t={}", hs256(&good_claims()));
    assert_eq!(send(proxy.address, "DELETE", &[("Cookie", &cookie), ("Origin", ORIGIN)]).status, 403);
    let said = log.take();
    for field in [format!("unverified_host=\"{service}\""), format!("unverified_origin=\"{ORIGIN}\"")] {
        assert!(said.contains(&field), "{said}");
    }
    assert!(said.contains("if a proxy changes `Host`"), "{said}");
}
