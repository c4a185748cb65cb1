//! Presets for identity providers whose tokens take more than a few settings.

use std::fmt;

use serde::Deserialize;

use super::TrustedIssuer;
use crate::VerifiedToken;
use crate::base64url;
use crate::key::{Fetch, RemoteKeySet};

/// A user pool of Amazon Cognito, such as `cognito("eu-central-1", "eu-central-1_AbCdEfGhI")`.
///
/// Its access tokens have no `aud`. They name the app client in `client_id`, and say in `token_use` that they are no ID
/// tokens. Both are checked.
///
/// ```no_run
/// use jwt_core::{Authenticator, providers};
///
/// # fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let auth = Authenticator::<()>::builder()
///     .provider(providers::cognito("eu-central-1", "eu-central-1_AbCdEfGhI").client_id("APP-CLIENT-ID"))
///     .build()?;
/// # let _ = auth;
/// # Ok(())
/// # }
/// ```
pub fn cognito(region: &str, pool: &str) -> CognitoPool {
    CognitoPool { issuer: format!("https://cognito-idp.{region}.amazonaws.com/{pool}") }
}

/// A user pool, made by [`cognito`]. It is no [`Provider`] before it is known whose tokens are meant.
#[derive(Debug, Clone)]
#[must_use = "name an app client by `.client_id(…)`"]
pub struct CognitoPool {
    issuer: String,
}

impl CognitoPool {
    /// The app client whose tokens are accepted.
    pub fn client_id(self, id: impl Into<String>) -> Provider {
        let keys = RemoteKeySet::discover(&*self.issuer);
        Provider { issuer: self.issuer.into(), keys, clients: Vec::new() }.client_id(id)
    }
}

/// An identity provider with what it writes in its own way; given to
/// [`AuthenticatorBuilder::provider`](crate::AuthenticatorBuilder::provider).
#[derive(Clone)]
pub struct Provider {
    issuer: Box<str>,
    keys: RemoteKeySet,
    clients: Vec<Box<str>>,
}

impl Provider {
    /// One more app client whose tokens are accepted.
    #[must_use]
    pub fn client_id(mut self, id: impl Into<String>) -> Self {
        self.clients.push(id.into().into());
        self
    }

    /// Fetches the keys by this client; see [`RemoteKeySet::client`].
    #[must_use]
    pub fn client(mut self, client: impl Fetch + 'static) -> Self {
        self.keys = self.keys.client(client);
        self
    }

    /// The issuer, and what its claims must say.
    pub(crate) fn into_parts(self) -> (TrustedIssuer, Rule) {
        let issuer = TrustedIssuer::new(&*self.issuer, &self.keys).any_audience();
        (issuer, Rule { issuer: self.issuer, clients: self.clients })
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").field("issuer", &self.issuer).field("clients", &self.clients).finish_non_exhaustive()
    }
}

/// A check for what an Application Load Balancer of AWS says of a user (`x-amzn-oidc-data`): the token must name this load
/// balancer as its `signer`. All load balancers of a region have the same keys, and anybody can have one.
///
/// Given to [`AuthenticatorBuilder::check`](crate::AuthenticatorBuilder::check), with the ARN of the load balancer:
/// `.check(providers::aws_alb_signer("arn:aws:elasticloadbalancing:…:loadbalancer/app/…"))`. A token without `signer`, or with
/// that of another load balancer, is refused with 401.
pub fn aws_alb_signer<C: 'static>(
    arn: &str,
) -> impl Fn(&VerifiedToken<C>) -> Result<(), AwsAlbSignerError> + Send + Sync + use<C> {
    let arn: Box<str> = arn.into();
    move |token| match signer(token.compact()) {
        None => Err(AwsAlbSignerError::Missing),
        Some(signer) if signer == *arn => Ok(()),
        Some(_) => Err(AwsAlbSignerError::Other),
    }
}

/// Why a token is not one of the load balancer of [`aws_alb_signer`].
#[derive(Debug, thiserror::Error, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AwsAlbSignerError {
    /// Its header has no `signer`.
    #[error("its header has no `signer`: a load balancer writes its ARN there")]
    Missing,
    /// Its header has the `signer` of another load balancer.
    #[error("its `signer` is not the load balancer that was configured")]
    Other,
}

/// The member `signer` of the header. The header has been read strictly before.
fn signer(token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Header {
        signer: String,
    }
    let (header, _) = token.split_once('.')?;
    let header = base64url::decode(base64url::without_padding(header.as_bytes()))?;
    serde_json::from_slice::<Header>(&header).ok().map(|header| header.signer)
}

/// What the claims of one issuer must say.
#[derive(Debug)]
pub(crate) struct Rule {
    issuer: Box<str>,
    clients: Vec<Box<str>>,
}

#[derive(Deserialize)]
struct CognitoClaims {
    token_use: String,
    client_id: String,
}

/// Why a token is not what the preset of its provider accepts.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotAccepted {
    #[error("it has no `token_use` and `client_id`: an access token of the provider has both")]
    Missing,
    #[error("its `token_use` is not `access`: let the client send its access token")]
    TokenUse,
    #[error("its `client_id` is none of those that the preset was given")]
    Client,
}

impl Rule {
    /// `json` is the text of the claims. Tokens of other issuers are not its concern.
    pub(crate) fn check(&self, issuer: Option<&str>, json: &str) -> Result<(), NotAccepted> {
        if issuer != Some(&*self.issuer) {
            return Ok(());
        }
        let claims: CognitoClaims = serde_json::from_str(json).map_err(|_| NotAccepted::Missing)?;
        if claims.token_use != "access" {
            return Err(NotAccepted::TokenUse);
        }
        if self.clients.iter().any(|client| **client == claims.client_id) { Ok(()) } else { Err(NotAccepted::Client) }
    }
}
