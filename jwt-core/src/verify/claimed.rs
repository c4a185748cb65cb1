use crate::base64url;
use crate::token::UntrustedToken;

/// How much of a name that a stranger chose is worth a place in the log, in characters.
const MAX_LOGGED: usize = 128;

/// What a rejected token says of itself, for the log. Nothing of it is proved.
#[derive(Debug, Default)]
pub(crate) struct Claimed {
    pub(crate) kid: Option<String>,
    pub(crate) issuer: Option<String>,
}

impl Claimed {
    pub(crate) fn read(token: &[u8]) -> Self {
        let Ok(token) = UntrustedToken::split(token) else { return Self::default() };
        Self { kid: member(token.header, "kid"), issuer: member(token.payload, "iss") }
    }
}

fn member(segment: &[u8], name: &str) -> Option<String> {
    let object: serde_json::Value = serde_json::from_slice(&base64url::decode(segment)?).ok()?;
    Some(object.get(name)?.as_str()?.chars().take(MAX_LOGGED).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_short_and_anything_else_is_no_name() {
        let token =
            |header: &str, claims: &str| format!("{}.{}.x", base64url::encode(header), base64url::encode(claims));
        let claimed =
            Claimed::read(token(r#"{"kid":"k1"}"#, &format!(r#"{{"iss":"{}"}}"#, "i".repeat(500))).as_bytes());
        assert_eq!((claimed.kid.as_deref(), claimed.issuer.map(|issuer| issuer.len())), (Some("k1"), Some(MAX_LOGGED)));
        let claimed = Claimed::read(token(r#"{"kid":1}"#, "[]").as_bytes());
        assert!(claimed.kid.is_none() && claimed.issuer.is_none());
    }
}
