//! The profile for access tokens.

use crate::case::Allow::{Refused, Served};
use crate::case::{Case, must, should};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = vec![
        must("rfc9068.typ-jwt", "RFC 9068 §4", "A token whose type is `JWT` is refused: it may be an ID token.")
            .token(Refused, |w| w.token().header("typ", "JWT").compact()),
        must("rfc9068.typ-missing", "RFC 9068 §4", "A token without a type is refused.")
            .token(Refused, |w| w.token().no_header("typ").compact()),
        must("rfc9068.typ-long", "RFC 9068 §4", "`application/at+jwt` is the same type.")
            .token(Served, |w| w.token().header("typ", "application/at+jwt").compact()),
    ];
    for (id, name) in [
        ("rfc9068.iss", "iss"),
        ("rfc9068.exp", "exp"),
        ("rfc9068.aud", "aud"),
        ("rfc9068.sub", "sub"),
        ("rfc9068.client_id", "client_id"),
        ("rfc9068.iat", "iat"),
        ("rfc9068.jti", "jti"),
    ] {
        let make = if ["iss", "exp", "aud"].contains(&name) { must } else { should };
        cases.push(
            make(id, "RFC 9068 §2.2", "A token without a claim that the profile requires is refused.")
                .token(Refused, move |w| w.token().without(name).compact()),
        );
    }
    cases
}
