use std::sync::LazyLock;

use jwt_core::AuthError;
use jwt_core::Authenticator;
use jwt_core::introspection::Introspection;
use jwt_core::key::{Fetch, Fetching};
use tokio::runtime::{Builder, Runtime};

use crate::reference::{Demands, Json, Registered};
use crate::token::Stopped;

const DEMANDS: Demands = Demands { issuer: None, audience: "api", required: None, max_age: None };
const MAX_BYTES: usize = 64 * 1024;

/// Says that of every token.
struct Says(Vec<u8>);

impl Fetch for Says {
    fn fetch(&self, _: http::Request<Vec<u8>>, _: usize) -> Fetching<'_> {
        Box::pin(async { Ok(http::Response::new(self.0.clone())) })
    }
}

/// What is to be made of an answer.
#[derive(Debug, PartialEq)]
enum Verdict {
    Good,
    Refused,
    /// It is none.
    Unavailable,
}

/// Takes the input for the answer of an issuer that was asked about a token.
pub fn introspection_answer(data: &[u8]) -> bool {
    static RUNTIME: LazyLock<Runtime> =
        LazyLock::new(|| Builder::new_current_thread().enable_time().build().expect("a runtime"));

    let introspection = Introspection::at("https://issuer.example/ask").client_secret("id", "secret").max_cached(1);
    let introspection = introspection.client(Says(data.to_vec()));
    let builder = Authenticator::<()>::builder().introspect(&introspection).audience("api").clock(Stopped);
    let verifier = builder.build_verifier().expect("it is configured completely");
    let result = RUNTIME.block_on(verifier.verify_async("opaque"));
    let found = match &result {
        Ok(_) => Verdict::Good,
        Err(AuthError::InvalidToken(_)) => Verdict::Refused,
        Err(AuthError::Unavailable(_)) => Verdict::Unavailable,
        Err(other) => panic!("{other:?}"),
    };
    // Once more, out of the cache.
    if found != Verdict::Unavailable {
        let again = verifier.verify("opaque");
        assert_eq!(again.is_ok(), found == Verdict::Good, "{again:?}");
    }

    let json = Json::object(data.strip_prefix("\u{feff}".as_bytes()).unwrap_or(data));
    if json.as_ref().is_some_and(Json::has_private_names) {
        return false;
    }
    let expected = json.as_ref().filter(|_| data.len() <= MAX_BYTES).map_or(Verdict::Unavailable, expected);
    assert_eq!(found, expected, "{result:?}");
    expected == Verdict::Good
}

fn expected(json: &Json) -> Verdict {
    let text = |name: &str| json.get(name).map(Json::text);
    let kinds = [text("token_type"), text("token_use"), text("typ")];
    let Some(Json::Bool(active)) = json.get("active") else { return Verdict::Unavailable };
    if json.has_duplicates() || kinds.contains(&Some(None)) {
        return Verdict::Unavailable;
    }
    let [token_type, token_use, typ] = kinds.map(|kind| kind.flatten().map(str::to_ascii_lowercase));
    let is_access = matches!(token_type.as_deref(), Some("bearer" | "access_token"))
        && matches!(token_use.as_deref(), None | Some("access_token" | "access"))
        && !matches!(typ.as_deref(), Some("refresh" | "offline" | "id" | "logout"));
    let is_good = *active && is_access && Registered::read(json).is_ok_and(|read| read.satisfies(json, &DEMANDS));
    if is_good { Verdict::Good } else { Verdict::Refused }
}
