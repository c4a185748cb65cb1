//! Where we do not agree with other judges of proofs, and the clause that says why.

use super::{EXPRESS, OAUTH};

/// Cases, by whom they are judged otherwise than here, and why.
pub(super) struct Disagreement {
    pub(super) judges: &'static [&'static str],
    pub(super) cases: &'static [&'static str],
    /// For the reader.
    pub(super) _why: &'static str,
}

const BOTH: &[&str] = &[OAUTH, EXPRESS];

const fn of(judges: &'static [&'static str], why: &'static str, cases: &'static [&'static str]) -> Disagreement {
    Disagreement { judges, cases, _why: why }
}

/// Refused here, accepted there.
pub(super) const STRICTER: &[Disagreement] = &[
    of(BOTH, "RFC 9449 §11.1: a proof is good once. Both leave that to the application.", &["a proof that was used"]),
    of(
        BOTH,
        "RFC 7519 §4, RFC 7515 §4, RFC 7517 §4: names are unique. JSON.parse takes the last one in silence; another reader \
         takes the first.",
        &[
            "jti twice, the same",
            "jti twice, the first one wrong",
            "htm twice, the same",
            "htm twice, the first one wrong",
            "htm twice, once escaped",
            "htu twice, the same",
            "htu twice, the first one wrong",
            "iat twice, the same",
            "iat twice, the first one wrong",
            "ath twice, the same",
            "ath twice, the first one wrong",
            "an unknown claim twice",
            "an unknown claim with a member twice",
            "typ twice",
            "typ twice, the first one wrong",
            "alg twice",
            "alg twice, the first one none",
            "jwk twice, the first one null",
            "kty twice",
        ],
    ),
    of(BOTH, "RFC 7493 §2.1, RFC 8259 §8.2: no surrogate stands alone.", &["a surrogate alone"]),
    of(BOTH, "RFC 8259 §8.1: no byte order mark.", &["claims with a byte order mark"]),
    of(BOTH, "RFC 8259 §9: a reader may limit the depth.", &["claims that are deep"]),
    of(
        BOTH,
        "RFC 7515 §2, RFC 4648 §3.5 and §5: base64url without padding, of its own alphabet, without bits to spare. So that \
         no second text stands for the same proof.",
        &["padding", "a signature of the other alphabet", "a signature with bits to spare"],
    ),
    of(&[EXPRESS], "The same.", &["a header with padding", "claims with padding"]),
    of(
        BOTH,
        "RFC 3986 §2 and §3: neither spaces, control characters, backslashes nor letters of other alphabets stand in an \
         address, and two slashes are in front of the host. `new URL` repairs all that.",
        &[
            r#"htu " https://api.example.com/me""#,
            r#"htu "https://api.example.com/me ""#,
            r#"htu "https://api.example.com/m\te""#,
            r#"htu "https://api.example.com/me\n""#,
            r#"htu "https://api.example.com\\me""#,
            r#"htu "https:/api.example.com/me""#,
            r#"htu "https:api.example.com/me""#,
            r#"htu "https:///api.example.com/me""#,
            r#"htu "https://ａpi.example.com/me""#,
        ],
    ),
    of(BOTH, "RFC 9110 §4.2.4: no user name in an address of http.", &[r#"htu "https://@api.example.com/me""#]),
    of(
        &[EXPRESS],
        "The same.",
        &[r#"htu "https://user@api.example.com/me""#, r#"htu "https://user:password@api.example.com/me""#],
    ),
    of(&[EXPRESS], "RFC 9110 §9.1: methods have a case.", &[r#"htm "get""#, r#"htm "Get""#]),
    of(&[EXPRESS], "RFC 7519 §4.1.7: `jti` is text.", &["jti 7", "jti true", "jti []", "jti {}", r#"jti ["GET"]"#]),
    of(&[OAUTH], "RFC 9449 §4.2: `jti` identifies the proof, which no empty text does.", &[r#"jti """#]),
    of(BOTH, "RFC 9449 §9: a nonce is what came in a header field, so text.", &["nonce 7"]),
    of(
        &[OAUTH],
        "RFC 9449 §4.3: the window is that of the server. Five minutes either way there, a minute and the leeway here.",
        &["iat 90 seconds ago", "iat 200 seconds ago", "iat in 120 seconds", "iat in 200 seconds"],
    ),
    of(
        BOTH,
        "RFC 9449 §11.1: unnecessarily large `jti` are refused. Ours end at 512 bytes.",
        &["jti \"xxxxxxxxxxxxxxxxxxx… of 515 bytes", "jti \"xxxxxxxxxxxxxxxxxxx… of 4098 bytes"],
    ),
    of(
        BOTH,
        "RFC 9110 §5.4: a server limits fields. Ours of 16 KiB are read, and headers of 8 KiB.",
        &["header x \"xxxxxxxxxxxxxxxxxxx… of 9002 bytes", "x \"xxxxxxxxxxxxxxxxxxx… of 20002 bytes"],
    ),
    of(BOTH, "RFC 7797 §6: `b64` of false comes with `crit`, and changes what was signed.", &["header b64 false"]),
    of(
        BOTH,
        "RFC 9449 §4.3, RFC 7518 §6: no member of a private key, also of one of another kind, so that no client that sends \
         one goes unnoticed.",
        &[
            r#"jwk.p "BwcH""#,
            r#"jwk.q "BwcH""#,
            r#"jwk.dp "BwcH""#,
            r#"jwk.dq "BwcH""#,
            r#"jwk.qi "BwcH""#,
            r#"jwk.k "BwcH""#,
            r#"jwk.priv "BwcH""#,
        ],
    ),
    of(&[EXPRESS], "The same.", &[r#"jwk.oth "BwcH""#]),
    of(
        BOTH,
        "RFC 7517 §4.2, §4.3: a key that says what it is for is for nothing else.",
        &[r#"jwk.use "enc""#, r#"jwk.key_ops ["sign"]"#, "jwk.key_ops []"],
    ),
    of(&[EXPRESS], "RFC 7517 §4.4: nor for another algorithm.", &[r#"jwk.alg "ES384""#]),
];

/// Served here, refused there.
pub(super) const LAXER: &[Disagreement] = &[
    of(
        &[OAUTH],
        "RFC 9449 §4.3, RFC 3986 §6.2.2.2: escapes of letters are undone before addresses are compared.",
        &[
            r#"htu "https://api.example.com/%6De""#,
            r#"htu "https://api.example.com/%6de""#,
            r#"htu "https://api.example.com/m%65""#,
        ],
    ),
    of(
        &[OAUTH],
        "RFC 7800 §3.1: members of `cnf` that are not understood are ignored.",
        &["a token that is bound in another way"],
    ),
    of(&[EXPRESS], "RFC 9864 §2.2: Ed25519 is the name of EdDSA with that curve.", &["a key for Ed25519"]),
    of(&[EXPRESS], "RFC 9110 §11.4: one space or more behind the scheme.", &["two spaces behind the scheme"]),
];
