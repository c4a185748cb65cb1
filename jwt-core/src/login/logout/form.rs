//! The form of a logout request: `application/x-www-form-urlencoded` with one `logout_token`.

use super::LogoutError;

const NAME: &[u8] = b"logout_token";

/// The one `logout_token` of a form (Back-Channel Logout 1.0 §2.5). Other members are passed over.
pub(super) fn logout_token(body: &[u8]) -> Result<Vec<u8>, LogoutError> {
    let members = body.split(|byte| *byte == b'&').map(|member| {
        let (name, value) = match memchr::memchr(b'=', member) {
            Some(at) => (&member[..at], &member[at + 1..]),
            None => (member, &[][..]),
        };
        (decoded(name), value)
    });
    let mut tokens = members.filter(|(name, _)| name.as_deref() == Some(NAME)).map(|(_, value)| value);
    match (tokens.next(), tokens.next()) {
        (Some(token), None) => decoded(token).filter(|token| !token.is_empty()).ok_or(LogoutError::Form),
        _ => Err(LogoutError::Form),
    }
}

/// Without percent-encoding; `None` where it is broken.
fn decoded(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: Option<&u8>| char::from(*byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => (digit(rest.next())? << 4) | digit(rest.next())?,
            byte => *byte,
        });
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn there_is_one_token_and_it_is_decoded() {
        for body in
            ["logout_token=a.b.c", "x=1&logout_token=a%2eb%2Ec&y", "logout%5Ftoken=a.b.c", "&&logout_token=a.b.c&"]
        {
            assert_eq!(logout_token(body.as_bytes()).ok().as_deref(), Some(&b"a.b.c"[..]), "{body}");
        }
        for body in [
            "",
            "logout_token",
            "logout_token=",
            "logout_tokens=a",
            "LOGOUT_TOKEN=a",
            "logout_token=a&logout_token=a",
            "logout_token=a&logout%5ftoken=b",
            "logout_token=a%",
            "logout_token=a%2",
            "logout_token=a%zz",
            "logout_token=%",
        ] {
            assert!(logout_token(body.as_bytes()).is_err(), "{body}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_encoded_is_read(token in prop::collection::vec(any::<u8>(), 1..60), junk in prop::collection::vec(any::<u8>(), 0..60)) {
            let encoded = token.iter().fold(String::new(), |text, byte| text + &format!("%{byte:02x}"));
            prop_assert_eq!(logout_token(format!("logout_token={encoded}").as_bytes()).ok(), Some(token));
            let _ = logout_token(&junk);
        }
    }
}
