//! Kinds of token that are looked up instead of verified: the port, and what a look-up yields.

use std::net::IpAddr;
use std::pin::Pin;

use super::{AnyToken, AnyVerifier, Facts};
use crate::claims::{RegisteredClaims, Text};
use crate::clock::NumericDate;
use crate::error::{AuthError, TokenError};

/// A kind of token that means nothing by itself and is looked up: in a store, like that of a session, or by asking
/// whoever issued it. Given to [`AuthenticatorBuilder::credentials`](crate::AuthenticatorBuilder::credentials); JWTs need
/// none.
///
/// ```
/// use jwt_core::verify::{CredentialKind, LookUp, LookedUp};
///
/// /// Keys of machines, such as `key_7`.
/// struct ApiKeys;
///
/// impl CredentialKind for ApiKeys {
///     fn recognizes(&self, token: &[u8]) -> bool {
///         token.starts_with(b"key_")
///     }
///
///     fn look_up<'a>(&'a self, token: &'a [u8]) -> LookUp<'a> {
///         Box::pin(async move {
///             let found = token == b"key_7"; // in a database
///             Ok(found.then(|| LookedUp::new(r#"{"name": "the printer"}"#).subject("printer")))
///         })
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let auth = jwt_core::Authenticator::<()>::builder().credentials(ApiKeys).build()?;
/// assert_eq!(auth.verifier().verify_async("key_7").await?.subject(), Some("printer"));
/// # Ok(()) }
/// ```
pub trait CredentialKind: Send + Sync {
    /// Whether a token says that it is of this kind, by a prefix for instance. Asked for every token, with bytes that
    /// nobody has verified: it must be fast, and must not block.
    fn recognizes(&self, token: &[u8]) -> bool;

    /// What is known of the token; `None` where it is not good, which is a 401. An error is answered as what it is:
    /// [`Unavailable::Store`](crate::error::Unavailable::Store) is a 503.
    fn look_up<'a>(&'a self, token: &'a [u8]) -> LookUp<'a>;
}

/// A look-up that is under way.
pub type LookUp<'a> = Pin<Box<dyn Future<Output = Result<Option<LookedUp>, AuthError>> + Send + 'a>>;

/// What a look-up has found: the claims, and what a JWT would say of itself. What is set here counts before what the
/// claims say.
#[derive(Debug, Clone)]
pub struct LookedUp {
    claims: String,
    subject: Option<String>,
    token_id: Option<String>,
    issued_at: Option<NumericDate>,
    expires_at: Option<NumericDate>,
}

impl LookedUp {
    /// With these claims: the text of a JSON object, which is read as strictly as that of a JWT.
    pub fn new(claims: impl Into<String>) -> Self {
        Self { claims: claims.into(), subject: None, token_id: None, issued_at: None, expires_at: None }
    }

    /// Whom the token is about.
    #[must_use]
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// The name of the token or of what it stands for. Not the token.
    #[must_use]
    pub fn token_id(mut self, id: impl Into<String>) -> Self {
        self.token_id = Some(id.into());
        self
    }

    /// When it was issued.
    #[must_use]
    pub fn issued_at(mut self, moment: NumericDate) -> Self {
        self.issued_at = Some(moment);
        self
    }

    /// From when on it is not good any more. Not checked here, since whoever looks up knows.
    #[must_use]
    pub fn expires_at(mut self, moment: NumericDate) -> Self {
        self.expires_at = Some(moment);
        self
    }
}

/// A kind of token beside JWTs, as a verifier sees it.
pub(crate) trait Kind: Send + Sync {
    /// Whether a token is of this kind. Of the kinds of a verifier, the first one that says so is asked.
    fn recognizes(&self, token: &[u8]) -> bool;

    /// What is known of the token without a wait.
    fn recall(&self, _token: &[u8], _verifier: &AnyVerifier) -> Option<Result<AnyToken, AuthError>> {
        None
    }

    /// The token in the form of a verified one, on behalf of a client of that address.
    fn find<'a>(&'a self, token: &'a [u8], client: Option<IpAddr>, verifier: &'a AnyVerifier) -> Finding<'a>;
}

/// A token that is being looked for.
pub(crate) type Finding<'a> = Pin<Box<dyn Future<Output = Result<AnyToken, AuthError>> + Send + 'a>>;

impl<K: CredentialKind> Kind for K {
    fn recognizes(&self, token: &[u8]) -> bool {
        CredentialKind::recognizes(self, token)
    }

    fn find<'a>(&'a self, token: &'a [u8], _: Option<IpAddr>, verifier: &'a AnyVerifier) -> Finding<'a> {
        Box::pin(async move {
            let found = self.look_up(token).await?.ok_or(TokenError::NoSession)?;
            let token = verifier.read_looked_up(found, token)?;
            verifier.check(&token)?;
            Ok(token)
        })
    }
}

impl AnyVerifier {
    fn read_looked_up(&self, found: LookedUp, token: &[u8]) -> Result<AnyToken, TokenError> {
        let LookedUp { claims, subject, token_id, issued_at, expires_at } = found;
        let (mut subject, mut token_id) = (subject.map(Text::own), token_id.map(Text::own));
        self.application.clone().read(claims, token, RegisteredClaims::default(), &mut |noted, json| {
            let mut facts = Facts::of(noted, json, None);
            let registered = &mut facts.registered;
            registered.subject = subject.take().or(registered.subject.take());
            registered.token_id = token_id.take().or(registered.token_id.take());
            registered.times.issued_at = issued_at.or(registered.times.issued_at);
            registered.times.expires_at = expires_at.or(registered.times.expires_at);
            Ok(facts)
        })
    }
}
