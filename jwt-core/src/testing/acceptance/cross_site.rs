//! Requests that another site may have made: refused where the token came from a cookie.

use super::case::Case;
use super::make::good;
use super::name;
use super::setup::Setup::Browser;

const OURS: &str = "https://api.example.com";
const EVIL: &str = "https://evil.example";

pub(super) fn cases() -> Vec<Case> {
    let cookie = format!("access_token={}", good());
    let get = |what: &str| Case::get(Browser, name("cross-site: GET,", what), "/me").field("Cookie", &cookie);
    let post = |what: &str| Case::post(Browser, name("cross-site: POST,", what), "/me").field("Cookie", &cookie);
    let mut cases = vec![
        post("which says nothing"),
        post("of the origin of the host").field("Origin", OURS),
        get("from anywhere").field("Sec-Fetch-Site", "cross-site").field("Origin", EVIL),
        get("from an opaque origin").field("Origin", "null"),
    ];
    for site in ["same-origin", "none"] {
        cases.push(post(site).field("Sec-Fetch-Site", site));
        cases.push(post(site).field("Sec-Fetch-Site", site).field("Origin", OURS));
    }
    let bearer = Case::post(Browser, "cross-site: POST with a bearer token", "/me").bearer(&good());
    cases.push(bearer.field("Sec-Fetch-Site", "cross-site").field("Origin", EVIL));

    let mut refused = Vec::new();
    for site in ["cross-site", "same-site", "", "Same-Origin", "same-origin, same-origin", "null"] {
        refused.push(post(site).field("Sec-Fetch-Site", site));
        // What the browser says of the site counts before the comparison with the host.
        refused.push(post(site).field("Sec-Fetch-Site", site).field("Origin", OURS));
    }
    for origin in [EVIL, "null", "", "https://api.example.com.evil.example", "https://api.example.com:8443"] {
        refused.push(post(origin).field("Origin", origin));
    }
    for twice in ["same-origin", "cross-site"] {
        refused.push(post("two fields").field("Sec-Fetch-Site", "same-origin").field("Sec-Fetch-Site", twice));
    }
    refused.push(post("two origins").field("Origin", OURS).field("Origin", OURS));
    for upgrade in ["websocket", "WebSocket", "h2c, websocket"] {
        refused.push(get(upgrade).field("Upgrade", upgrade).field("Origin", EVIL));
    }
    cases.extend(refused.into_iter().map(|case| case.refused_without_challenge(403)));
    cases
}
