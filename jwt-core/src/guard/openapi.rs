//! What a request must bring, in the words of OpenAPI.

use serde_json::{Map, Value, json};

use crate::Authenticator;
use crate::request::source::{Place, TokenSource};

impl<C> Authenticator<C> {
    /// Where this authenticator looks for a token, as JSON: an object for `components.securitySchemes` of a document of OpenAPI
    /// 3 (§4.8.27), with one member for each [token source](crate::TokenSource).
    ///
    /// The members are named `bearer`, `cookie_…`, `header_…` and `query_…` with the name of the cookie, field or parameter, in
    /// which all but letters, digits, `.`, `_` and `-` become `_`. OpenAPI knows no WebSocket protocols, so these are left out.
    ///
    /// ```
    /// use jwt_core::{Authenticator, KeySet, TokenSource};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let auth = Authenticator::<()>::builder()
    ///     .keys(KeySet::hs256("a secret of at least thirty-two bytes")?)
    ///     .audience("api")
    ///     .source(TokenSource::bearer())
    ///     .source(TokenSource::cookie("access_token"))
    ///     .build()?;
    /// let schemes: serde_json::Value = serde_json::from_str(&auth.openapi_security_schemes())?;
    /// assert_eq!(schemes["bearer"], serde_json::json!({"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}));
    /// assert_eq!(schemes["cookie_access_token"]["in"], "cookie");
    /// # Ok(())
    /// # }
    /// ```
    pub fn openapi_security_schemes(&self) -> String {
        let schemes: Map<String, Value> = self.sources().list.iter().filter_map(scheme).collect();
        Value::Object(schemes).to_string()
    }
}

/// Its name and the Security Scheme Object.
fn scheme(source: &TokenSource) -> Option<(String, Value)> {
    if source.is_bearer() {
        return Some(("bearer".to_owned(), json!({"type": "http", "scheme": "bearer", "bearerFormat": "JWT"})));
    }
    let (place, name) = match source.place() {
        Place::Header { name, .. } => ("header", name.as_ref().ok()?.as_str()),
        Place::Cookie { name, .. } => ("cookie", &**name),
        Place::Query { name } => ("query", &**name),
        Place::WebSocketProtocol { .. } => return None,
    };
    let allowed = |char: char| if char.is_ascii_alphanumeric() || "._-".contains(char) { char } else { '_' };
    let key = format!("{place}_{}", name.chars().map(allowed).collect::<String>());
    let mut scheme = json!({"type": "apiKey", "in": place, "name": name});
    if let Place::Header { scheme: Some(prefix), .. } = source.place() {
        scheme["description"] = format!("{prefix} <token>").into();
    }
    Some((key, scheme))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::{Authenticator, AuthenticatorBuilder, KeySet, TokenSource};

    fn schemes(sources: impl IntoIterator<Item = TokenSource>) -> Value {
        let builder = Authenticator::<()>::builder().keys(KeySet::hs256([7; 32]).unwrap()).audience("api");
        let auth = sources.into_iter().fold(builder, AuthenticatorBuilder::source).build().unwrap();
        serde_json::from_str(&auth.openapi_security_schemes()).unwrap()
    }

    #[test]
    fn each_source_is_a_scheme() {
        let bearer = json!({"type": "http", "scheme": "bearer", "bearerFormat": "JWT"});
        assert_eq!(schemes([]), json!({"bearer": bearer}), "the default");
        let all = [
            TokenSource::bearer(),
            TokenSource::cookie("__Host-access!token"),
            TokenSource::header("X-Forwarded-Access-Token"),
            TokenSource::header_with_scheme("x-api-auth", "Token"),
            TokenSource::query("access_token"),
            TokenSource::websocket_protocol("bearer."),
        ];
        let expected = json!({
            "bearer": bearer,
            "cookie___Host-access_token": {"type": "apiKey", "in": "cookie", "name": "__Host-access!token"},
            "header_x-forwarded-access-token": {"type": "apiKey", "in": "header", "name": "x-forwarded-access-token"},
            "header_x-api-auth": {"type": "apiKey", "in": "header", "name": "x-api-auth", "description": "Token <token>"},
            "query_access_token": {"type": "apiKey", "in": "query", "name": "access_token"},
        });
        assert_eq!(schemes(all), expected);
    }
}
