//! What is no secret although it is long enough for one: keys, in whatever form they are written, and addresses of keys.

use std::borrow::Cow;
use std::fmt;

use memchr::memmem;

use super::der::{BIT_STRING, Element, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, members};
use crate::base64url;
use crate::key::algorithm::Algorithm;
use crate::key::crypto::{Material, PublicKey};

/// What was given as an HMAC secret and is none: a key, which is loaded by another function, or where keys are.
///
/// `Display` says what it is, and what to call instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotASecret {
    /// A public key in PEM (RFC 7468), or what else has its form.
    Pem,
    /// A private key in PEM.
    PrivatePem,
    /// A certificate (RFC 5280), in PEM or DER.
    Certificate,
    /// A JWK (RFC 7517 §4).
    Jwk,
    /// A JWK Set (RFC 7517 §5).
    JwkSet,
    /// A public key in DER, or a point of a curve.
    Der,
    /// A private key in DER.
    PrivateDer,
    /// A key of OpenSSH or PuTTY.
    Ssh,
    /// A URL.
    Address,
}

impl fmt::Display for NotASecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pem => {
                "a key in PEM: to verify with it, call `KeySet::rs256_pem(…)`, `KeySet::es256_pem(…)`, `KeySet::ed25519_pem(…)` or `VerifyingKey::pem(…)`"
            }
            Self::PrivatePem => "a private key in PEM: to sign with it, call `SigningKey::pem(…)`",
            Self::Certificate => {
                "a certificate: to verify with its key, call `KeySet::rs256_pem(…)`, `VerifyingKey::pem(…)` or `VerifyingKey::der(…)`"
            }
            Self::Jwk => {
                "a JWK: to verify with it, call `VerifyingKey::jwk(…)` or `KeySet::jwks(…)`; to sign, `SigningKey::jwk(…)`"
            }
            Self::JwkSet => "a JWK Set: to verify with it, call `KeySet::jwks(…)`",
            Self::Der => "a public key: to verify with it, call `VerifyingKey::der(…)`",
            Self::PrivateDer => {
                "a private key in DER: write it as PEM (`openssl pkey -inform DER -in key.der`), and call `SigningKey::pem(…)`"
            }
            Self::Ssh => {
                "a key of OpenSSH: write it as PEM, and call `VerifyingKey::pem(…)` with a public one (`ssh-keygen -e -m PKCS8 -f key.pub`) or `SigningKey::pem(…)` with a private one (`ssh-keygen -p -m PKCS8 -f key`)"
            }
            Self::Address => {
                "an address: to fetch the keys that are there, call `RemoteKeySet::jwks(…)`; to find those of an issuer, `RemoteKeySet::discover(…)`"
            }
        })
    }
}

/// How often something may be encoded: base64 of the base64 of PEM is what a secret of Kubernetes comes to.
const MAX_DEPTH: usize = 3;
/// What is longer is not looked into. Certificates with all their names are shorter.
const MAX_LEN: usize = 256 * 1024;

impl NotASecret {
    /// What some bytes are; `None` where they may be a secret.
    pub(super) fn recognize(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(..MAX_LEN).unwrap_or(bytes);
        Self::binary(bytes).or_else(|| Self::text(&utf8(bytes), MAX_DEPTH))
    }

    fn text(text: &[u8], depth: usize) -> Option<Self> {
        let text = trimmed(text);
        Self::armoured(text)
            .or_else(|| Self::json(text))
            .or_else(|| Self::address(text))
            .or_else(|| Self::ssh_line(text))
            .or_else(|| Self::encoded(text, depth))
    }

    /// PEM with any label, and what looks like it: keys of OpenSSH, SSH2, PGP and PuTTY.
    fn armoured(text: &[u8]) -> Option<Self> {
        let upper = text.to_ascii_uppercase();
        if has(&upper, b"PUTTY-USER-KEY-FILE-") || has(&upper, b"---- BEGIN SSH2") {
            return Some(Self::Ssh);
        }
        let line = |start: &[u8]| {
            let ends_here = |at: &usize| upper.get(at + start.len()).is_some_and(|byte| !byte.is_ascii_alphanumeric());
            memmem::find_iter(&upper, start).find(ends_here)
        };
        let rest = &upper[line(b"-----BEGIN").or_else(|| line(b"-----END"))?..];
        let label = rest.get(5..).and_then(|rest| rest.get(..memmem::find(rest, b"-----")?)).unwrap_or(rest);
        Some(if has(label, b"OPENSSH") {
            Self::Ssh
        } else if has(rest, b"PRIVATE KEY-----") {
            Self::PrivatePem
        } else if has(label, b"CERTIFICATE") && !has(label, b"REQUEST") {
            Self::Certificate
        } else {
            Self::Pem
        })
    }

    /// A JWK has the member `kty`, a JWK Set the array `keys`, wherever in the text they are, and also where the text is
    /// a string within JSON or code.
    fn json(text: &[u8]) -> Option<Self> {
        if member(text, b"keys").any(|after| after.first() == Some(&b'[')) {
            return Some(Self::JwkSet);
        }
        member(text, b"kty").next().map(|_| Self::Jwk)
    }

    fn address(text: &[u8]) -> Option<Self> {
        let at = memmem::find(text, b"://")?;
        let (scheme, rest) = (&text[..at], &text[at + 3..]);
        let is_scheme = scheme.first().is_some_and(u8::is_ascii_alphabetic)
            && scheme.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
        (is_scheme && !rest.is_empty() && rest.iter().all(u8::is_ascii_graphic)).then_some(Self::Address)
    }

    /// A line of `key.pub`, `authorized_keys` or `known_hosts`: one of its words is the key in base64.
    fn ssh_line(text: &[u8]) -> Option<Self> {
        let words = text.split(u8::is_ascii_whitespace).filter(|word| word.starts_with(b"AAAA"));
        words.filter_map(from_base64).find_map(|bytes| is_ssh(&bytes).then_some(Self::Ssh))
    }

    /// Base64 or hexadecimal digits of any of these.
    fn encoded(text: &[u8], depth: usize) -> Option<Self> {
        let depth = depth.checked_sub(1)?;
        [from_base64(text), from_hex(text)]
            .into_iter()
            .flatten()
            .find_map(|bytes| Self::binary(&bytes).or_else(|| Self::text(&utf8(&bytes), depth)))
    }

    fn binary(bytes: &[u8]) -> Option<Self> {
        if is_ssh(bytes) || bytes.starts_with(b"openssh-key-v1\0") {
            return Some(Self::Ssh);
        }
        Self::der(bytes).or_else(|| is_point(bytes).then_some(Self::Der))
    }

    /// One element of DER, with nothing after it but white space.
    fn der(bytes: &[u8]) -> Option<Self> {
        let outer = Element::read(bytes)?;
        if !outer.rest.iter().all(u8::is_ascii_whitespace) {
            return None;
        }
        let members = members(outer.contents_of(SEQUENCE)?)?;
        let tags: Vec<u8> = members.iter().map(|member| member.tag).collect();
        let identifies =
            |at: usize| Element::read(members[at].contents).is_some_and(|first| first.tag == OBJECT_IDENTIFIER);
        match *tags.as_slice() {
            // SubjectPublicKeyInfo (RFC 5280 §4.1), EncryptedPrivateKeyInfo (RFC 5958 §3).
            [SEQUENCE, BIT_STRING] if identifies(0) => Some(Self::Der),
            [SEQUENCE, OCTET_STRING] if identifies(0) => Some(Self::PrivateDer),
            // Certificate (RFC 5280 §4.1), and requests and lists, which have the same form.
            [SEQUENCE, SEQUENCE, BIT_STRING] if identifies(1) => Some(Self::Certificate),
            // ContentInfo (RFC 5652 §3), which holds certificates.
            [OBJECT_IDENTIFIER, 0xa0] => Some(Self::Certificate),
            // PrivateKeyInfo (RFC 5958 §2), PFX (RFC 7292 §4).
            [INTEGER, SEQUENCE, ..] if identifies(1) => Some(Self::PrivateDer),
            // RSAPublicKey and RSAPrivateKey (RFC 8017 §A.1): a modulus of 512 bits at least.
            [INTEGER, INTEGER] if members[0].contents.len() >= 64 => Some(Self::Der),
            [INTEGER, INTEGER, INTEGER, INTEGER, ..] if members[1].contents.len() >= 64 => Some(Self::PrivateDer),
            // ECPrivateKey (RFC 5915 §3).
            [INTEGER, OCTET_STRING, ..] if members[0].contents == [1] => Some(Self::PrivateDer),
            _ => None,
        }
    }
}

fn has(text: &[u8], part: &[u8]) -> bool {
    memmem::find(text, part).is_some()
}

/// A public key as SSH writes it (RFC 4253 §6.6): the length of its type, the type, the key.
fn is_ssh(bytes: &[u8]) -> bool {
    let Some((length, rest)) = bytes.split_first_chunk::<4>() else { return false };
    let name = usize::try_from(u32::from_be_bytes(*length)).ok().and_then(|length| rest.get(..length));
    name.is_some_and(|name| [&b"ssh-"[..], b"ecdsa-", b"sk-"].iter().any(|start| name.starts_with(start)))
}

/// A point of one of the curves, uncompressed (SEC 1 §2.3.3). Of random bytes, none is one by chance.
fn is_point(bytes: &[u8]) -> bool {
    let algorithm = match bytes.len() {
        65 => Algorithm::ES256,
        97 => Algorithm::ES384,
        133 => Algorithm::ES512,
        _ => return false,
    };
    bytes[0] == 4 && PublicKey::new(algorithm, &Material::Bytes(bytes)).is_ok()
}

/// What comes after each `"name":`, without white space. The quotation marks may be escaped, or of the other kind.
fn member<'t>(text: &'t [u8], name: &'static [u8]) -> impl Iterator<Item = &'t [u8]> {
    memmem::find_iter(text, name).filter_map(move |at| {
        let quoted = at.checked_sub(1).is_some_and(|before| matches!(text[before], b'"' | b'\''));
        let after = text.get(at + name.len()..).filter(|_| quoted)?;
        let after = after.strip_prefix(b"\\").unwrap_or(after);
        let after = after.strip_prefix(b"\"").or_else(|| after.strip_prefix(b"'"))?.trim_ascii_start();
        Some(after.strip_prefix(b":")?.trim_ascii_start())
    })
}

/// Without what editors, shells and configuration files put around a text.
fn trimmed(mut text: &[u8]) -> &[u8] {
    loop {
        let before = text.len();
        text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text).trim_ascii();
        for mark in [b'"', b'\'', b'<', b'>', b'`', 0] {
            text = text.strip_prefix(&[mark]).unwrap_or(text);
            text = text.strip_suffix(&[mark]).unwrap_or(text);
        }
        if text.len() == before {
            return text;
        }
    }
}

/// UTF-16, as some shells write files, in UTF-8. Anything else as it is.
fn utf8(bytes: &[u8]) -> Cow<'_, [u8]> {
    let unit: fn([u8; 2]) -> u16 = match bytes {
        [0xff, 0xfe, ..] | [_, 0, _, 0, ..] => u16::from_le_bytes,
        [0xfe, 0xff, ..] | [0, _, 0, _, ..] => u16::from_be_bytes,
        _ => return bytes.into(),
    };
    let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
    String::from_utf16(&units).map_or_else(|_| bytes.into(), |text| text.into_bytes().into())
}

/// What a text is the base64 of, in either alphabet, with or without padding and line breaks, also escaped ones.
pub(super) fn from_base64(text: &[u8]) -> Option<Vec<u8>> {
    let mut letters = Vec::with_capacity(text.len());
    let mut text = text.iter().copied();
    while let Some(byte) = text.next() {
        match byte {
            b'+' => letters.push(b'-'),
            b'/' => letters.push(b'_'),
            b'\\' if matches!(text.next(), Some(b'n' | b'r')) => {}
            byte if byte.is_ascii_whitespace() => {}
            byte => letters.push(byte),
        }
    }
    let padding = letters.iter().rev().take_while(|byte| **byte == b'=').count();
    letters.truncate(letters.len() - padding);
    base64url::decode(&letters).filter(|bytes| !bytes.is_empty())
}

/// What a text has the hexadecimal digits of, perhaps with `:` or white space in between.
pub(super) fn from_hex(text: &[u8]) -> Option<Vec<u8>> {
    let digits = text.iter().filter(|byte| **byte != b':' && !byte.is_ascii_whitespace());
    let digits: Option<Vec<u8>> = digits.map(|byte| char::from(*byte).to_digit(16)?.try_into().ok()).collect();
    let digits = digits.filter(|digits| !digits.is_empty() && digits.len().is_multiple_of(2))?;
    Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::CsrfTokens;
    use crate::key::{KeyError, KeySet, SigningKey, VerifyingKey};

    /// The keys of the acceptance suite, with the names of their files.
    fn keys() -> Vec<(String, Vec<u8>)> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/support/acceptance/keys");
        let files = [folder.clone(), folder.join("refused")].map(|folder| std::fs::read_dir(folder).unwrap());
        let files = files.into_iter().flatten().map(|entry| entry.unwrap());
        let files = files.filter(|entry| entry.file_type().unwrap().is_file() && entry.file_name() != "README.md");
        let keys: Vec<_> = files
            .map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap()))
            .collect();
        assert!(keys.len() > 40);
        keys
    }

    fn extension(name: &str) -> Option<&str> {
        Path::new(name).extension()?.to_str()
    }

    fn base64(bytes: &[u8]) -> String {
        base64_simd::STANDARD.encode_to_string(bytes)
    }

    fn hex(bytes: &[u8]) -> String {
        let digit = |value: u8| char::from_digit(value.into(), 16).unwrap();
        bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
    }

    /// What each place that takes a secret says of it.
    fn refusals(secret: &[u8]) -> Vec<NotASecret> {
        let encoded = base64(secret);
        let jwk = serde_json::json!({"kty": "oct", "alg": "HS256", "k": base64url::encode(secret)}).to_string();
        let algorithm = Algorithm::HS256;
        let mut errors = vec![
            KeySet::hs256(secret).err(),
            VerifyingKey::secret(algorithm, secret).err(),
            VerifyingKey::secret(Algorithm::HS512, secret).err(),
            VerifyingKey::secret_base64(algorithm, &encoded).err(),
            VerifyingKey::jwk(algorithm, &jwk).err(),
            SigningKey::secret(algorithm, secret).err(),
            SigningKey::secret_base64(algorithm, &encoded).err(),
            SigningKey::jwk(algorithm, &jwk).err(),
            CsrfTokens::new(secret).err(),
        ];
        if let Ok(text) = std::str::from_utf8(secret) {
            errors.push(VerifyingKey::secret_base64(algorithm, text).err());
        }
        let set = format!(r#"{{"keys":[{jwk}]}}"#);
        assert!(matches!(KeySet::jwks(set), Err(KeyError::Empty { skipped }) if skipped.len() == 1));
        let refusal = |error: Option<KeyError>| match error {
            Some(KeyError::NotASecret(mistaken)) => mistaken,
            other => panic!("{other:?}"),
        };
        errors.into_iter().map(refusal).collect()
    }

    #[track_caller]
    fn assert_is(expected: NotASecret, secret: impl AsRef<[u8]>) {
        let secret = secret.as_ref();
        let refusals = refusals(secret);
        assert!(refusals.iter().all(|one| *one == expected), "{refusals:?}: {}", String::from_utf8_lossy(secret));
    }

    /// How a text comes out of files, shells, configuration and secret stores.
    fn dresses(text: &str) -> Vec<Vec<u8>> {
        let utf16 = |mark: &[u8], unit: fn(u16) -> [u8; 2]| {
            [mark, &text.encode_utf16().flat_map(unit).collect::<Vec<_>>()].concat()
        };
        vec![
            text.into(),
            text.trim_end().into(),
            text.replace('\n', "\r\n").into(),
            text.replace('\n', "\\n").into(),
            text.replace('\n', " ").into(),
            format!("\u{feff}{text}").into(),
            format!(" \t\r\n{text}\n\n").into(),
            format!("\"{}\"", text.replace('\n', "\\n").replace('"', "\\\"")).into(),
            format!("'{text}'").into(),
            format!("{text}\0").into(),
            utf16(&[0xff, 0xfe], u16::to_le_bytes),
            utf16(&[0xfe, 0xff], u16::to_be_bytes),
            utf16(&[], u16::to_le_bytes),
            base64(text.as_bytes()).into(),
            base64(base64(text.as_bytes()).as_bytes()).into(),
            base64url::encode(text).into(),
            hex(text.as_bytes()).into(),
        ]
    }

    #[test]
    fn no_key_is_a_secret_in_whatever_form_it_is_written() {
        for (name, key) in keys() {
            let is_private = !name.contains(".pub") && !name.contains(".cert") && !name.contains(".csr");
            let extension = extension(&name);
            let expected = match extension {
                Some("json") => NotASecret::JwkSet,
                Some("pem") if name.contains("openssh") => NotASecret::Ssh,
                Some("pem" | "der") if name.contains(".cert") => NotASecret::Certificate,
                Some("pem") if is_private => NotASecret::PrivatePem,
                Some("pem") => NotASecret::Pem,
                Some("der") => NotASecret::Der,
                _ => panic!("{name}"),
            };
            let Ok(text) = String::from_utf8(key.clone()) else {
                for form in [key.clone(), [key.as_slice(), b"\n"].concat(), base64(&key).into(), hex(&key).into()] {
                    assert_is(expected, form);
                }
                continue;
            };
            for dressed in dresses(&text) {
                assert_is(expected, dressed);
            }
            if extension == Some("pem") {
                assert_is(expected, format!("subject=CN = example\nä\n{text}"));
                let blocks = pem::parse_many(&text).unwrap();
                let der = blocks.last().unwrap().contents();
                // The forms whose contents are no DER of a key.
                if blocks.len() == 1 && blocks[0].headers().iter().next().is_none() {
                    let body: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
                    assert!(NotASecret::recognize(der).is_some(), "{name}");
                    for form in [base64(der), base64url::encode(der), hex(der), body]
                        .map(String::into_bytes)
                        .into_iter()
                        .chain([der.to_vec()])
                    {
                        assert!(refusals(&form).len() > 1, "{name}");
                    }
                }
            }
        }
    }

    #[test]
    fn keys_of_a_set_are_no_secrets_one_by_one_either() {
        for (_, set) in keys().into_iter().filter(|(name, _)| extension(name) == Some("json")) {
            let set: serde_json::Value = serde_json::from_slice(&set).unwrap();
            for jwk in set["keys"].as_array().unwrap() {
                for text in [jwk.to_string(), serde_json::to_string_pretty(jwk).unwrap()] {
                    for dressed in dresses(&text) {
                        assert_is(NotASecret::Jwk, dressed);
                    }
                }
                assert_is(NotASecret::Jwk, format!("[{jwk}]"));
                assert_is(NotASecret::Jwk, format!(r#"{{"jwk": {jwk}}}"#));
                assert_is(NotASecret::Jwk, jwk.to_string().replace('"', "'"));
                assert_is(NotASecret::JwkSet, format!("{{ \"keys\" :\n [ {jwk} ] }}"));
            }
        }
        assert_is(NotASecret::JwkSet, r#"{"keys":[]}"#.to_owned() + &" ".repeat(60));
    }

    #[test]
    fn lines_of_ssh_are_no_secrets() {
        let wire = |kind: &str| {
            let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap().to_be_bytes();
            [&length(kind.as_bytes()), kind.as_bytes(), &length(&[7; 32]), &[7; 32]].concat()
        };
        for kind in [
            "ssh-rsa",
            "ssh-ed25519",
            "ecdsa-sha2-nistp256",
            "sk-ssh-ed25519@openssh.com",
            "ssh-ed25519-cert-v01@openssh.com",
        ] {
            let key = base64(&wire(kind));
            for line in [
                format!("{kind} {key}"),
                format!("{kind} {key} alice@example.com\n"),
                format!("host.example,10.0.0.1 {kind} {key}"),
                format!("restrict,command=\"/bin/true\" {kind} {key}"),
                key.clone(),
                format!("---- BEGIN SSH2 PUBLIC KEY ----\nComment: \"x\"\n{key}\n---- END SSH2 PUBLIC KEY ----\n"),
            ] {
                assert_is(NotASecret::Ssh, line);
            }
            assert_is(NotASecret::Ssh, wire(kind));
        }
        assert_is(
            NotASecret::Ssh,
            "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nComment: x\nPublic-Lines: 2\n",
        );
        assert_is(
            NotASecret::Pem,
            "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDMEZ\n-----END PGP PUBLIC KEY BLOCK-----\n",
        );
    }

    #[test]
    fn an_address_is_no_secret() {
        for address in [
            "https://login.example.com/.well-known/jwks.json",
            "HTTPS://login.example.com/.well-known/openid-configuration",
            "http://127.0.0.1:8080/realms/example/protocol/openid-connect/certs",
            "https://login.example.com/a/tenant/v2.0?key=2",
            "file:///etc/keys/public-key-of-the-issuer.pem",
            "redis+sentinel://one.example,two.example/name",
        ] {
            for dressed in dresses(address) {
                assert_is(NotASecret::Address, dressed);
            }
            assert_is(NotASecret::Address, format!("<{address}>"));
        }
    }

    #[test]
    fn points_of_curves_are_no_secrets() {
        for algorithm in [Algorithm::ES256, Algorithm::ES384] {
            let key = SigningKey::generate(algorithm).unwrap();
            let Some(crate::key::crypto::PublicParts::Bytes(point)) = key.public_parts() else { panic!() };
            assert_is(NotASecret::Der, point);
        }
    }

    #[test]
    fn the_error_says_what_to_call() {
        let said = |secret: &str| KeySet::hs256(secret).unwrap_err().to_string();
        assert!(said("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----").contains("`KeySet::rs256_pem(…)`"));
        assert!(said(r#"{"keys":[]}"#).contains("`KeySet::jwks(…)`"));
        assert!(said(r#"{"kty":"RSA"}"#).contains("`VerifyingKey::jwk(…)`"));
        let address = said("https://login.example.com/?key=hunter2");
        assert!(address.contains("`RemoteKeySet::jwks(…)`") && !address.contains("hunter2"), "{address}");
    }

    #[test]
    fn passphrases_and_random_texts_are_secrets() {
        for secret in [
            "a secret of at least thirty-two bytes",
            "correct horse battery staple correct horse battery staple",
            "correcthorsebatterystaplecorrecthorsebattery",
            "550e8400-e29b-41d4-a716-446655440000",
            "550e8400e29b41d4a716446655440000550e8400e29b41d4a716446655440000",
            "https is a protocol, and a word in this secret: really",
            "see https://xkcd.com/936/ on how to choose a passphrase",
            "My keys are in the drawer; begin with the \"key\" drawer",
            "{\"not\": \"a key\", \"but\": \"a text of some length\"}",
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "-------------------BEGINNER--------------------",
            "--------------------------------------------------",
            "ssh-rsa is not what this secret is, but it begins so",
            "über sieben Brücken mußt du gehn, sieben dunkle Jahre",
        ] {
            assert_eq!(NotASecret::recognize(secret.as_bytes()), None, "{secret}");
            KeySet::hs256(secret).unwrap();
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn random_bytes_and_their_texts_are_secrets(bytes in prop::collection::vec(any::<u8>(), 32..300)) {
            for form in [bytes.clone(), base64(&bytes).into(), base64url::encode(&bytes).into(), hex(&bytes).into()] {
                prop_assert_eq!(NotASecret::recognize(&form), None);
                prop_assert!(KeySet::hs256(form).is_ok());
            }
        }

        /// What an attacker of the check, or chance, puts first: none of it makes the reader panic, and bytes that only
        /// begin like a key are secrets.
        #[test]
        fn bytes_that_begin_like_something_are_secrets(
            start in prop::sample::select(vec![
                &b"\x30"[..], b"\x30\x3c", b"\x30\x3c\x30", b"\x30\x3e\x02\x1d", b"\x30\x82", b"\x04", b"\0\0\0\x07", b"\xff\xfe", b"{\"k",
                b"AAAA", b"http", b"\xef\xbb\xbf", b"\"'<",
            ]),
            bytes in prop::collection::vec(any::<u8>(), 64..300),
        ) {
            let bytes = [start, &bytes].concat();
            prop_assert_eq!(NotASecret::recognize(&bytes), None);
        }

        #[test]
        fn passphrases_are_secrets(words in prop::collection::vec("[a-zA-Z]{1,10}[0-9]{0,2}[.,;:!?_/+=-]{0,1}", 8..14), gap in "[ _.-]{0,1}") {
            let secret = words.join(&gap);
            prop_assert_eq!(NotASecret::recognize(secret.as_bytes()), None);
        }
    }
}
