//! What a refusal says, and what it must not.

use crate::case::Allow::{Anything, BadRequest, Challenge, Refused};
use crate::case::{Case, defence, must, should, taste};
use crate::wire::Answer;
use crate::world::World;

/// One challenge: scheme and parameters. RFC 9110 §11.6.1.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Challenged {
    pub(crate) scheme: String,
    pub(crate) parameters: Vec<(String, String)>,
}

impl Challenged {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// The items of a list, where a comma between quotes separates nothing.
fn items(text: &str) -> Result<Vec<String>, String> {
    let (mut items, mut item, mut quoted, mut escaped) = (Vec::new(), String::new(), false, false);
    for one in text.chars() {
        match one {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => {
                items.push(std::mem::take(&mut item));
                continue;
            }
            _ => {}
        }
        item.push(one);
    }
    items.push(item);
    if quoted {
        return Err(format!("a quote is not closed in {text:?}"));
    }
    Ok(items.into_iter().map(|item| item.trim().to_owned()).filter(|item| !item.is_empty()).collect())
}

/// The challenges of one field.
pub(crate) fn challenges(text: &str) -> Result<Vec<Challenged>, String> {
    let mut found: Vec<Challenged> = Vec::new();
    for item in items(text)? {
        let parameter = match item.split_once(' ') {
            Some((scheme, rest)) if is_token(scheme) && !rest.trim_start().starts_with('=') => {
                found.push(Challenged { scheme: scheme.to_owned(), ..Challenged::default() });
                rest.trim_start().to_owned()
            }
            None if is_token(&item) => {
                found.push(Challenged { scheme: item, ..Challenged::default() });
                continue;
            }
            _ => item,
        };
        let (name, value) =
            parameter.split_once('=').ok_or_else(|| format!("{parameter:?} is no parameter in {text:?}"))?;
        let (name, value) = (name.trim(), value.trim());
        let inner = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
        let value = match inner {
            Some(inner) => {
                if inner.replace("\\\\", "").replace("\\\"", "").contains('"') {
                    return Err(format!("parameters are not separated by commas in {text:?}"));
                }
                inner.replace("\\\"", "\"").replace("\\\\", "\\")
            }
            None if is_token(value) => value.to_owned(),
            None => return Err(format!("{value:?} is neither a token nor a quoted text in {text:?}")),
        };
        if !is_token(name) {
            return Err(format!("{name:?} is no name of a parameter in {text:?}"));
        }
        let challenge = found.last_mut().ok_or_else(|| format!("no scheme in {text:?}"))?;
        challenge.parameters.push((name.to_owned(), value));
    }
    Ok(found)
}

/// The challenge of that answer for Bearer or DPoP.
pub(crate) fn challenge(answer: &Answer) -> Result<Challenged, String> {
    let mut all = Vec::new();
    for field in answer.all("www-authenticate") {
        all.extend(challenges(field)?);
    }
    all.sort_by_key(|one| one.get("error").is_none());
    let found = all.into_iter().find(|one| ["bearer", "dpop"].contains(&&*one.scheme.to_ascii_lowercase()));
    found.ok_or_else(|| "no challenge for Bearer".to_owned())
}

/// The challenge has that error code.
pub(crate) fn error_is(answer: &Answer, code: &str) -> Result<(), String> {
    match challenge(answer)?.get("error") {
        Some(error) if error == code => Ok(()),
        Some(error) => Err(format!("error={error:?} came; {code:?} was expected")),
        None => Err(format!("no error code came; {code:?} was expected")),
    }
}

fn invalid(_: &World, answer: &Answer) -> Result<(), String> {
    error_is(answer, "invalid_token")
}

/// Nothing of that text is in the answer.
fn not_in(answer: &Answer, text: &str) -> Result<(), String> {
    let came = String::from_utf8_lossy(&answer.bytes);
    if came.contains(text) { Err(format!("{text:?} of the request is in the answer")) } else { Ok(()) }
}

const MARK: &str = "kit-mark-5f1c";

pub(crate) fn cases() -> Vec<Case> {
    vec![
        must("answers.challenge", "RFC 6750 §3", "A request without a token gets 401 and a challenge for Bearer.")
            .send(Challenge, World::bare),
        should("answers.no-code", "RFC 6750 §3.1", "Who sent no credentials is told no error code.")
            .send(Refused, World::bare)
            .check(|_, answer| match challenge(answer).unwrap_or_default().get("error") {
                None => Ok(()),
                Some(code) => Err(format!("error={code:?} came")),
            }),
        must("answers.bad-token-challenge", "RFC 9110 §15.5.2", "A bad token gets 401 and a challenge.")
            .token(Challenge, |w| w.token().key(w.stranger()).compact()),
        should("answers.forged", "RFC 6750 §3.1", "A forged token gets `invalid_token`.")
            .token(Challenge, |w| w.token().key(w.stranger()).compact())
            .check(invalid),
        should("answers.expired", "RFC 6750 §3.1", "An expired token gets `invalid_token`.")
            .token(Challenge, |w| w.token().claim("exp", w.now() - w.target.tokens.leeway - 60).compact())
            .check(invalid),
        should("answers.malformed", "RFC 6750 §3.1", "A text that is no token gets `invalid_token`.")
            .token(Challenge, |_| "no-token".to_owned())
            .check(invalid),
        should("answers.other-audience", "RFC 6750 §3.1", "A token for somebody else gets `invalid_token`.")
            .token(Challenge, |w| w.token().claim("aud", "https://other.example").compact())
            .check(invalid),
        should("answers.two-methods", "RFC 6750 §3.1", "Two tokens in one request get 400.")
            .send(BadRequest, |w| w.bare().bearer(w.good()).bearer(w.good()))
            .check(|_, answer| match challenge(answer) {
                Ok(_) => error_is(answer, "invalid_request"),
                Err(_) => Ok(()),
            })
            .applies(|target| match &target.cookie {
                Some(cookie) if cookie.only => Err("cookie.only: no token in the header"),
                _ if target.dpop.as_ref().is_some_and(|dpop| dpop.only) => Err("dpop.only: no token without a proof"),
                _ => Ok(()),
            }),
        must("answers.grammar", "RFC 9110 §11.6.1", "Challenges are well formed, and a parameter comes once.")
            .send_noted("without a token", Refused, World::bare)
            .check(well_formed)
            .send_noted("with a forged one", Refused, |w| w.with(w.token().key(w.stranger()).compact()))
            .check(well_formed)
            .send_noted("with an expired one", Refused, |w| w.with(w.token().claim("exp", 1).compact()))
            .check(well_formed),
        must("answers.characters", "RFC 6750 §3", "Error texts have the characters %x20-21, %x23-5B and %x5D-7E.")
            .token(Refused, |_| "no-token".to_owned())
            .check(characters)
            .token(Refused, |w| w.token().claim("iss", "\"\\\u{e9}").compact())
            .check(characters),
        defence("answers.token-not-echoed", "RFC 6750 §5.2", "A refused token is not in the answer.")
            .send(Anything, |w| w.with(w.token().claim("exp", 1).compact()))
            .check(|w, answer| {
                // The claims differ by the time; the header does not.
                not_in(answer, &w.token().segments().0)
            })
            .send_noted("a text that is no token", Anything, |w| w.with(MARK))
            .check(|_, answer| not_in(answer, MARK)),
        defence(
            "answers.header-not-echoed",
            "RFC 8725 §2",
            "Nothing of the header of a refused token is in the answer.",
        )
        .send_noted("kid", Anything, |w| w.with(w.token().header("kid", MARK).key(w.stranger()).compact()))
        .check(|_, answer| not_in(answer, MARK))
        .send_noted("alg", Anything, |w| w.with(w.token().header("alg", MARK).compact()))
        .check(|_, answer| not_in(answer, MARK)),
        defence(
            "answers.claims-not-echoed",
            "RFC 6750 §5.2",
            "Nothing of the claims of a refused token is in the answer.",
        )
        .send_noted("iss of a forged token", Anything, |w| {
            w.with(w.token().claim("iss", format!("https://{MARK}.example")).key(w.stranger()).compact())
        })
        .check(|_, answer| not_in(answer, MARK))
        .send_noted("aud", Anything, |w| w.with(w.token().claim("aud", MARK).compact()))
        .check(|_, answer| not_in(answer, MARK)),
        taste("answers.no-store", "RFC 9111 §5.2.2.5", "A refusal may not be stored: `Cache-Control: no-store`.")
            .send(Challenge, World::bare)
            .check(|_, answer| {
                if answer.all("cache-control").any(|value| value.to_ascii_lowercase().contains("no-store")) {
                    Ok(())
                } else {
                    Err("no `no-store`".to_owned())
                }
            }),
    ]
}

fn well_formed(_: &World, answer: &Answer) -> Result<(), String> {
    for field in answer.all("www-authenticate") {
        for challenge in challenges(field)? {
            let mut names: Vec<String> = challenge.parameters.iter().map(|(name, _)| name.to_lowercase()).collect();
            names.sort();
            if names.windows(2).any(|two| two[0] == two[1]) {
                return Err(format!("a parameter comes twice in {field:?}"));
            }
        }
    }
    Ok(())
}

fn characters(_: &World, answer: &Answer) -> Result<(), String> {
    let challenge = challenge(answer).unwrap_or_default();
    for name in ["error", "error_description", "error_uri"] {
        let value = challenge.get(name).unwrap_or_default();
        if !value.bytes().all(|byte| matches!(byte, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e)) {
            return Err(format!("{name}={value:?}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::challenges;

    #[test]
    fn challenges_are_read_as_their_grammar_says() {
        let two = challenges("Bearer realm=\"a, b\", error=invalid_token, DPoP algs=\"ES256\"").unwrap();
        assert_eq!(two.len(), 2);
        assert_eq!((two[0].get("realm"), two[0].get("error")), (Some("a, b"), Some("invalid_token")));
        assert_eq!(two[1].get("algs"), Some("ES256"));
        assert_eq!(challenges("Bearer").unwrap()[0].scheme, "Bearer");
        assert!(challenges("Bearer realm=\"a\" error=\"b\"").is_err(), "no comma");
        assert!(challenges("Bearer realm=\"a").is_err(), "an open quote");
        assert!(challenges("realm=\"a\"").is_err(), "no scheme");
    }
}
