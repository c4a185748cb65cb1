//! Signatures, algorithms, headers and keys.

use serde_json::json;

use crate::base64url;
use crate::case::Allow::{Refused, RefusedOrDown, Served};
use crate::case::{Case, defence, must, should, taste};
use crate::keys::{Key, Role};
use crate::provider::Page;
use crate::target::{Delivery, Target};
use crate::world::World;

fn asymmetric(target: &Target) -> Result<(), &'static str> {
    if target.keys.delivery == Delivery::Secret { Err("the keys are secrets") } else { Ok(()) }
}

fn has_es256(target: &Target) -> Result<(), &'static str> {
    if target.has("ES256") { Ok(()) } else { Err("tokens.algorithms has no ES256") }
}

fn has_eddsa(target: &Target) -> Result<(), &'static str> {
    if target.has("EdDSA") { Ok(()) } else { Err("tokens.algorithms has no EdDSA") }
}

fn has_rsa(target: &Target) -> Result<(), &'static str> {
    if target.tokens.algorithms.iter().any(|name| name.starts_with("RS") || name.starts_with("PS")) {
        Ok(())
    } else {
        Err("tokens.algorithms has no RSA")
    }
}

fn has_two(target: &Target) -> Result<(), &'static str> {
    if target.tokens.algorithms.len() > 1 { Ok(()) } else { Err("tokens.algorithms has one only") }
}

fn es256(world: &World) -> &Key {
    world.keys.of(Role::Now, "ES256")
}

fn eddsa(world: &World) -> &Key {
    world.keys.of(Role::Now, "EdDSA")
}

/// An algorithm that fits the kind of the first key, and that the target does not allow.
fn not_allowed(world: &World) -> &'static str {
    let all: &[&str] = match &world.algorithm()[..2] {
        "RS" | "PS" => &["RS512", "RS384", "RS256", "PS512", "PS384", "PS256"],
        "HS" => &["HS512", "HS384", "HS256"],
        _ => &[],
    };
    all.iter().find(|name| !world.target.has(name)).copied().unwrap_or("")
}

fn has_not_allowed(target: &Target) -> Result<(), &'static str> {
    let first = &target.tokens.algorithms[0][..2];
    let all: &[&str] = match first {
        "RS" | "PS" => &["RS512", "RS384", "RS256", "PS512", "PS384", "PS256"],
        "HS" => &["HS512", "HS384", "HS256"],
        _ => &[],
    };
    if all.iter().any(|name| !target.has(name)) { Ok(()) } else { Err("every algorithm of the first key is allowed") }
}

/// The order of the group of P-256.
const P256_ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
/// The order of the group of Ed25519, little-endian.
const ED25519_ORDER: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).filter_map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

/// An ECDSA signature in DER. RFC 3279 §2.2.3.
fn der(fixed: &[u8]) -> Vec<u8> {
    let integer = |bytes: &[u8]| {
        let mut number: Vec<u8> = bytes.iter().copied().skip_while(|byte| *byte == 0).collect();
        if number.first().is_none_or(|byte| *byte >= 0x80) {
            number.insert(0, 0);
        }
        [vec![2, u8::try_from(number.len()).unwrap_or(0)], number].concat()
    };
    let (r, s) = fixed.split_at(fixed.len() / 2);
    let both = [integer(r), integer(s)].concat();
    [vec![0x30, u8::try_from(both.len()).unwrap_or(0)], both].concat()
}

/// S plus the order of the group: the same signature to whoever forgets to look.
fn plus_order(mut signature: Vec<u8>) -> Vec<u8> {
    let mut carry = 0;
    for (byte, add) in signature[32..].iter_mut().zip(hex(ED25519_ORDER)) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    signature
}

/// A token without its signature whose header says `alg`.
fn unsigned(world: &World, alg: &str) -> String {
    let (header, claims) = world.token().header("alg", alg).segments();
    format!("{header}.{claims}.")
}

/// The other letter with the same bits that count.
fn with_spare_bits(text: &str) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = text.bytes().last().unwrap_or(b'A');
    let at = LETTERS.iter().position(|letter| *letter == last).unwrap_or(0);
    format!("{}{}", &text[..text.len() - 1], char::from(LETTERS[at | 1]))
}

/// Claims whose length leaves spare bits in base64url.
fn padded_claims(world: &World) -> crate::token::Token<'_> {
    let mut token = world.token();
    while token.segments().1.len().is_multiple_of(4) {
        token = token.claims_bytes(|mut bytes| {
            bytes.push(b' ');
            bytes
        });
    }
    token
}

fn padded_header(world: &World) -> crate::token::Token<'_> {
    let mut token = world.token();
    while token.segments().0.len().is_multiple_of(4) {
        token = token.header_bytes(|mut bytes| {
            bytes.push(b' ');
            bytes
        });
    }
    token
}

fn padded(text: &str) -> String {
    format!("{text}{}", "=".repeat((4 - text.len() % 4) % 4))
}

fn flip(mut bytes: Vec<u8>, at: usize) -> Vec<u8> {
    bytes[at] ^= 1;
    bytes
}

/// A token of a secret that is made of the public key.
fn confused(world: &World, secret: &[u8]) -> String {
    let key = Key::secret(secret);
    world.token().header("alg", "HS256").key(&key).compact()
}

const STRANGE_KEYS: &str = "/strange-keys.json";

/// An address at the kit with the key of a stranger.
fn strange_address(world: &World) -> String {
    format!("{}{STRANGE_KEYS}", world.provider.url())
}

fn serve_strange_keys(world: &World) -> Result<(), String> {
    world.provider.page(STRANGE_KEYS, Page::json(&json!({"keys": [world.stranger().jwk()]})));
    Ok(())
}

fn nobody_came(world: &World) -> Result<(), String> {
    match world.provider.requests(STRANGE_KEYS) {
        0 => Ok(()),
        count => Err(format!("the server fetched the address that the token named, {count} times")),
    }
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = vec![
        must("jws.none", "RFC 8725 §3.1", "A token without a signature is refused: `alg` is `none`, in any case.")
            .token_noted("none", Refused, |w| unsigned(w, "none"))
            .token_noted("None", Refused, |w| unsigned(w, "None"))
            .token_noted("NONE", Refused, |w| unsigned(w, "NONE"))
            .token_noted("nOnE", Refused, |w| unsigned(w, "nOnE")),
        must("jws.none-signed", "RFC 8725 §3.1", "`alg` is `none`, and there is a signature: refused.")
            .token(Refused, |w| w.token().header("alg", "none").compact()),
        must("jws.no-signature", "RFC 7515 §5.2", "A token whose signature was taken away is refused.")
            .token_noted("an empty signature", Refused, |w| unsigned(w, w.algorithm()))
            .token_noted("two parts", Refused, |w| unsigned(w, w.algorithm()).trim_end_matches('.').to_owned()),
        must("jws.no-alg", "RFC 7515 §4.1.1", "A header without `alg` is refused.")
            .token(Refused, |w| w.token().no_header("alg").compact()),
        must("jws.alg-type", "RFC 7515 §4.1.1", "An `alg` that is no string is refused.")
            .token_noted("null", Refused, |w| w.token().header("alg", json!(null)).compact())
            .token_noted("an array", Refused, |w| w.token().header("alg", json!([w.algorithm()])).compact())
            .token_noted("an empty string", Refused, |w| w.token().header("alg", "").compact()),
        must("jws.alg-case", "RFC 7515 §4.1.1", "`alg` is compared with regard to case.").token(Refused, |w| {
            let other: String = w
                .algorithm()
                .chars()
                .map(|one| if one.is_ascii_lowercase() { one.to_ascii_uppercase() } else { one.to_ascii_lowercase() })
                .collect();
            w.token().header("alg", other).compact()
        }),
        must(
            "jws.alg-not-allowed",
            "RFC 8725 §3.1",
            "A good signature by an algorithm that is not allowed is refused.",
        )
        .token(Refused, |w| w.token().header("alg", not_allowed(w)).sign_as(not_allowed(w)).compact())
        .applies(has_not_allowed),
        must("jws.claims-changed", "RFC 7515 §5.2", "Changed claims under an old signature are refused.").token(
            Refused,
            |w| {
                let (header, _, signature) = w.token().parts();
                let claims = w.token().claim("sub", "somebody-else").segments().1;
                format!("{header}.{claims}.{signature}")
            },
        ),
        must("jws.header-changed", "RFC 7515 §5.2", "A changed header under an old signature is refused.").token(
            Refused,
            |w| {
                let (_, claims, signature) = w.token().parts();
                format!("{}.{claims}.{signature}", w.token().header("x", 1).segments().0)
            },
        ),
        must("jws.signature-changed", "RFC 7515 §5.2", "A signature with one wrong bit is refused.")
            .token_noted("the first byte", Refused, |w| w.token().with_signature(|bytes| flip(bytes, 0)))
            .token_noted("the last byte", Refused, |w| {
                w.token().with_signature(|bytes| {
                    let last = bytes.len() - 1;
                    flip(bytes, last)
                })
            }),
        must("jws.signature-length", "RFC 7518 §3", "A signature that is too short or too long is refused.")
            .token_noted("a byte less", Refused, |w| {
                w.token().with_signature(|mut bytes| {
                    bytes.pop();
                    bytes
                })
            })
            .token_noted("a zero more", Refused, |w| {
                w.token().with_signature(|mut bytes| {
                    bytes.push(0);
                    bytes
                })
            })
            .token_noted("twice", Refused, |w| w.token().with_signature(|bytes| bytes.repeat(2))),
        must("jws.signature-zero", "RFC 7518 §3", "A signature of zeros is refused.")
            .token(Refused, |w| w.token().with_signature(|bytes| vec![0; bytes.len()])),
        must("jws.stranger", "RFC 7515 §5.2", "The key of a stranger under the name of ours is refused.")
            .token(Refused, |w| w.token().key(w.stranger()).compact()),
        must("jws.stranger-nameless", "RFC 7515 §5.2", "The key of a stranger without a name is refused.")
            .token(Refused, |w| w.token().no_header("kid").key(w.stranger()).compact()),
        must("jws.hs-with-pem", "RFC 8725 §2.1", "An HMAC whose secret is our public key in PEM is refused.")
            .token_noted("as a file has it", Refused, |w| confused(w, w.key().pem().as_bytes()))
            .token_noted("without the last line end", Refused, |w| confused(w, w.key().pem().trim_end().as_bytes()))
            .applies(asymmetric),
        must("jws.hs-with-der", "RFC 8725 §2.1", "An HMAC whose secret is our public key in DER is refused.")
            .token(Refused, |w| confused(w, &w.key().der()))
            .applies(asymmetric),
        must("jws.hs-with-jwk", "RFC 8725 §2.1", "An HMAC whose secret is a text of our JWK is refused.")
            .token_noted("the JWK", Refused, |w| confused(w, w.key().jwk().to_string().as_bytes()))
            .token_noted("a number of it", Refused, |w| confused(w, &w.key().bytes()))
            .applies(asymmetric),
        must("jws.hs-empty", "RFC 8725 §3.5", "An HMAC with an empty secret is refused.")
            .token(Refused, |w| w.token().header("alg", "HS256").key(&Key::secret(b"")).compact()),
        must("jws.crit-unknown", "RFC 7515 §4.1.11", "A critical header that nobody understands is refused.")
            .token(Refused, |w| w.token().header("x-kit", 1).header("crit", json!(["x-kit"])).compact()),
        must("jws.crit-empty", "RFC 7515 §4.1.11", "An empty `crit` is refused.")
            .token(Refused, |w| w.token().header("crit", json!([])).compact()),
        must("jws.crit-absent", "RFC 7515 §4.1.11", "A `crit` that names a header which is not there is refused.")
            .token(Refused, |w| w.token().header("crit", json!(["exp"])).compact()),
        must("jws.crit-type", "RFC 7515 §4.1.11", "A `crit` that is no array is refused.")
            .token_noted("a string", Refused, |w| w.token().header("crit", "exp").compact())
            .token_noted("null", Refused, |w| w.token().header("crit", json!(null)).compact()),
        must("jws.crit-registered", "RFC 7515 §4.1.11", "A `crit` with a name of the standard itself is refused.")
            .token(Refused, |w| w.token().header("crit", json!(["alg"])).compact()),
        must("jws.b64", "RFC 7797 §6", "A payload that is not encoded (`b64`) is refused: JWTs are encoded.")
            .token(Refused, |w| w.token().header("b64", false).header("crit", json!(["b64"])).compact()),
        must("jws.jwk", "RFC 8725 §3.10", "The key that a token brings along (`jwk`) is not used.")
            .token_noted("with our `kid`", Refused, |w| {
                w.token().header("jwk", w.stranger().jwk()).key(w.stranger()).compact()
            })
            .token_noted("without `kid`", Refused, |w| {
                w.token().no_header("kid").header("jwk", w.stranger().jwk()).key(w.stranger()).compact()
            }),
        must(
            "jws.jku",
            "RFC 8725 §3.10",
            "The address of keys that a token names (`jku`) is neither used nor fetched.",
        )
        .act("the kit serves the key of a stranger", serve_strange_keys)
        .token(Refused, |w| w.token().header("jku", strange_address(w)).key(w.stranger()).compact())
        .token_noted("without `kid`", Refused, |w| {
            w.token().no_header("kid").header("jku", strange_address(w)).key(w.stranger()).compact()
        })
        .act("nobody has fetched it", nobody_came),
        must("jws.x5u", "RFC 8725 §3.10", "The address of a certificate that a token names (`x5u`) is not fetched.")
            .act("the kit serves the key of a stranger", serve_strange_keys)
            .token(Refused, |w| w.token().header("x5u", strange_address(w)).key(w.stranger()).compact())
            .act("nobody has fetched it", nobody_came),
        must(
            "jws.kid-unknown",
            "RFC 7515 §4.1.4",
            "A signature of a stranger under a name that nobody knows is refused.",
        )
        .token(RefusedOrDown, |w| w.token().header("kid", "nobody").key(w.stranger()).compact()),
        defence(
            "jws.kid-path",
            "RFC 8725 §3.10",
            "A `kid` that looks like a path or a query is a name like any other.",
        )
        .token_noted("/dev/null, and an empty secret", RefusedOrDown, |w| {
            w.token().header("alg", "HS256").header("kid", "../../../../dev/null").key(&Key::secret(b"")).compact()
        })
        .token_noted("SQL", RefusedOrDown, |w| {
            w.token().header("kid", "x' UNION SELECT 'kit' -- ").key(w.stranger()).compact()
        })
        .token_noted("a NUL", RefusedOrDown, |w| {
            w.token().header("kid", format!("{}\0", w.key().kid)).key(w.stranger()).compact()
        }),
        must("jws.kid-type", "RFC 7515 §4.1.4", "A `kid` that is no string is refused.")
            .token_noted("a number", Refused, |w| w.token().header("kid", 1).compact())
            .token_noted("an array", Refused, |w| w.token().header("kid", json!([w.key().kid])).compact())
            .token_noted("an object", Refused, |w| w.token().header("kid", json!({"kid": w.key().kid})).compact()),
        must("jws.kid-of-another", "RFC 8725 §3.1", "Our signature under the name of another of our keys is refused.")
            .token(Refused, |w| {
                let other = w.target.algorithms()[1];
                w.token().header("kid", w.keys.of(Role::Now, other).kid.as_str()).compact()
            })
            .applies(has_two),
        taste("jws.kid-missing", "RFC 7515 §4.1.4", "A good token without `kid` is served, since one key fits.")
            .token(Served, |w| w.token().no_header("kid").compact()),
        must("jws.unknown-header", "RFC 7515 §4", "A header parameter that nobody knows is ignored.")
            .token(Served, |w| w.token().header("x-kit", json!({"a": [1, null]})).compact()),
        must("jws.header-shape", "RFC 7519 §7.2", "A header that is no JSON object is refused.")
            .token_noted("an array", Refused, |w| w.token().header_bytes(|_| b"[]".to_vec()).compact())
            .token_noted("a string", Refused, |w| w.token().header_bytes(|_| b"\"alg\"".to_vec()).compact())
            .token_noted("null", Refused, |w| w.token().header_bytes(|_| b"null".to_vec()).compact())
            .token_noted("an empty object", Refused, |w| w.token().header_bytes(|_| b"{}".to_vec()).compact())
            .token_noted("nothing", Refused, |w| w.token().header_bytes(|_| Vec::new()).compact())
            .token_noted("cut off", Refused, |w| {
                w.token()
                    .header_bytes(|mut bytes| {
                        bytes.pop();
                        bytes
                    })
                    .compact()
            }),
        must("jws.parts", "RFC 7519 §7.2", "A text without exactly three parts is refused.")
            .token_noted("one", Refused, |_| "abc".to_owned())
            .token_noted("four", Refused, |w| format!("{}.x", w.good()))
            .token_noted("four, the last empty", Refused, |w| format!("{}.", w.good()))
            .token_noted("one more in front, empty", Refused, |w| format!(".{}", w.good()))
            .token_noted("dots", Refused, |_| "..".to_owned())
            .token_noted("a thousand dots", Refused, |_| ".".repeat(1000)),
        must("jws.jwe", "RFC 7519 §7.2", "An encrypted token (five parts) is refused where none is expected.").token(
            Refused,
            |w| {
                let header = base64url::encode(json!({"alg": "dir", "enc": "A128GCM", "kid": w.key().kid}).to_string());
                format!("{header}..{0}.{0}.{0}", base64url::encode([0; 16]))
            },
        ),
        must("jws.json-form", "RFC 7519 §3", "The JSON form of a signature is refused: a JWT is compact.").token(
            Refused,
            |w| {
                let (header, claims, signature) = w.token().parts();
                json!({"protected": header, "payload": claims, "signature": signature}).to_string()
            },
        ),
        must("jws.padding", "RFC 7515 §2", "Base64url with padding is refused.")
            .token_noted("in the header", Refused, |w| {
                let token = padded_header(w);
                let (header, claims) = token.segments();
                token.seal(&padded(&header), &claims)
            })
            .token_noted("in the claims", Refused, |w| {
                let token = padded_claims(w);
                let (header, claims) = token.segments();
                token.seal(&header, &padded(&claims))
            })
            .token_noted("in the signature", Refused, |w| {
                let (header, claims, signature) = w.token().parts();
                format!("{header}.{claims}.{signature}==")
            }),
        must("jws.alphabet", "RFC 7515 §2", "The letters of base64 (`+`, `/`) in place of base64url are refused.")
            .token(Refused, |w| {
                // Text that needs these letters, in any position.
                let token = w.token().claim("x", "???>>>~~~ÿÿÿ");
                let (header, claims) = token.segments();
                token.seal(&header, &claims.replace('-', "+").replace('_', "/"))
            }),
        must("jws.junk-inside", "RFC 7515 §2", "Other characters inside a good token are refused.")
            .token_noted("a space in the claims", Refused, |w| {
                let (header, claims, signature) = w.token().parts();
                format!("{header}.{} {}.{signature}", &claims[..8], &claims[8..])
            })
            .token_noted("a `!` in the signature", Refused, |w| {
                let (header, claims, signature) = w.token().parts();
                format!("{header}.{claims}.{}!{}", &signature[..8], &signature[8..])
            })
            .token_noted("a `*`, signed", Refused, |w| {
                let token = w.token();
                let (header, claims) = token.segments();
                token.seal(&header, &format!("{}*{}", &claims[..8], &claims[8..]))
            }),
        defence("jws.spare-bits", "RFC 4648 §3.5", "Base64url whose spare bits are not zero is refused.")
            .token_noted("in the claims, signed", Refused, |w| {
                let token = padded_claims(w);
                let (header, claims) = token.segments();
                token.seal(&header, &with_spare_bits(&claims))
            })
            .token_noted("in the signature", Refused, |w| {
                let (header, claims, signature) = w.token().parts();
                format!("{header}.{claims}.{}", with_spare_bits(&signature))
            }),
        should("jws.typ-type", "RFC 7515 §4.1.9", "A `typ` that is no string is refused.")
            .token(Refused, |w| w.token().header("typ", json!(["JWT"])).compact()),
        must("jws.es256-der", "RFC 7518 §3.4", "An ECDSA signature in DER is refused.")
            .token(Refused, |w| w.token_of(es256(w)).with_signature(|bytes| der(&bytes)))
            .applies(has_es256),
        must("jws.es256-range", "RFC 7518 §3.4", "An ECDSA signature with r or s out of range is refused.")
            .token_noted("r = n", Refused, |w| {
                w.token_of(es256(w)).with_signature(|bytes| [hex(P256_ORDER), bytes[32..].to_vec()].concat())
            })
            .token_noted("s = n", Refused, |w| {
                w.token_of(es256(w)).with_signature(|bytes| [bytes[..32].to_vec(), hex(P256_ORDER)].concat())
            })
            .token_noted("s = 0", Refused, |w| {
                w.token_of(es256(w)).with_signature(|bytes| [bytes[..32].to_vec(), vec![0; 32]].concat())
            })
            .token_noted("r = s = 0", Refused, |w| w.token_of(es256(w)).with_signature(|_| vec![0; 64]))
            .token_noted("r = s = 1", Refused, |w| {
                let one = [vec![0; 31], vec![1]].concat();
                w.token_of(es256(w)).with_signature(|_| one.repeat(2))
            })
            .applies(has_es256),
        must("jws.eddsa-order", "RFC 8032 §5.1.7", "An Ed25519 signature with S beyond the order is refused.")
            .token(Refused, |w| w.token_of(eddsa(w)).with_signature(plus_order))
            .applies(has_eddsa),
        must("jws.rsa-padding", "RFC 8725 §3.1", "An RSA signature with the padding of another algorithm is refused.")
            .token(Refused, |w| {
                let all = w.target.algorithms();
                let name = all.iter().find(|name| name.starts_with("RS") || name.starts_with("PS")).unwrap_or(&"RS256");
                let other = format!("{}{}", if name.starts_with("RS") { "PS" } else { "RS" }, &name[2..]);
                w.token_of(w.keys.of(Role::Now, name)).sign_as(&other).compact()
            })
            .applies(has_rsa),
    ];
    cases.push(
        must(
            "jws.every-algorithm",
            "RFC 7518 §3.1",
            "A good token of each algorithm that the server is said to take is served.",
        )
        .sends(1, "the second", Served, |w, _| {
            let all = w.target.algorithms();
            w.with(w.token_of(w.keys.of(Role::Now, all[1 % all.len()])).compact())
        })
        .sends(13, "each", Served, |w, number| {
            let all = w.target.algorithms();
            w.with(w.token_of(w.keys.of(Role::Now, all[number % all.len()])).compact())
        }),
    );
    cases
}
