use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::answer::cache_control::Caching;
use crate::answer::challenge::Challenges;
use crate::answer::metadata::ResourceMetadata;
use crate::authenticator::{Authenticator, Inner};
use crate::clock::{Clock, SystemClock};
use crate::error::ConfigError;
use crate::issuers::{self, TrustedIssuer};
use crate::key::KeySource;
use crate::request::cross_site::CrossSite;
#[cfg(feature = "login")]
use crate::request::csrf_token::CsrfTokens;
use crate::request::source::TokenSource;
#[cfg(feature = "cache")]
use crate::verify::TokenCache;
use crate::verify::Verifier;
use crate::verify::grants::{Authority, Grants, Lookup};
use crate::verify::id_token::IdTokenVerifier;
use crate::verify::profile::Profile;
use crate::verify::token::VerifiedToken;
use crate::verify::validation::{Checks, Validation};

/// Builds an [`Authenticator`] or, for bare tokens, a [`Verifier`]. Only keys and an audience have no default.
///
/// | setting | default | reason |
/// |---|---|---|
/// | [`keys`](Self::keys) | none: an error | nothing can be proved without |
/// | [`audience`](Self::audience) | none: an error | a token made for another service must not open this one (RFC 8725 §3.9) |
/// | [`issuer`](Self::issuer) | any | the keys already say who can have signed; name it wherever several issuers share keys |
/// | [`source`](Self::source) | bearer | the only one that a browser does not send by itself |
/// | [`trusted_origin`](Self::trusted_origin) | none: the same origin only | a token in a cookie is sent by whichever page the browser shows |
/// | `exp` | required | a token without an end is a password |
/// | `cnf` | refused | a token that is bound to a key is no bearer token (RFC 9449 §7.2) |
/// | `nbf` | checked where present | RFC 7519 §4.1.5 |
/// | [`leeway`](Self::leeway) | 30 seconds | clocks of synchronized machines differ by less |
/// | [`typ`](Self::typ) | any | many issuers leave it out; name it where yours does not |
/// | [`access_token_profile`](Self::access_token_profile) | off | many issuers' access tokens are none of RFC 9068 |
/// | [`max_age`](Self::max_age) | none | `exp` is the issuer's word on it |
/// | [`max_token_len`](Self::max_token_len) | 16 KiB | what servers take as a request head |
/// | [`scopes`](Self::scopes), [`roles`](Self::roles) | nowhere | every issuer has its own place for them |
/// | `cache` (feature `cache`) | off | it keeps tokens in memory, which an application should decide on |
/// | `sessions` (feature `login`) | none | a JWT needs no store |
/// | `revocations` (feature `login`) | none | there is nothing to remember until something is revoked |
/// | [`resource_metadata`](Self::resource_metadata) | none | only the application knows its address |
/// | [`subject_in_spans`](Self::subject_in_spans) | off | it is personal data, and logs are kept |
/// | [`optional`](Self::optional) | off | a route that is protected says no |
pub struct AuthenticatorBuilder<C> {
    keys: Option<KeySource>,
    issuers: Vec<TrustedIssuer>,
    #[cfg(feature = "remote")]
    tenants: Option<issuers::tenants::Tenants>,
    sources: Vec<TokenSource>,
    validation: Validation,
    max_token_len: usize,
    checks: Checks<C>,
    cross_site: CrossSite,
    scopes: Vec<Lookup<C>>,
    roles: Vec<Lookup<C>>,
    clock: Arc<dyn Clock>,
    optional: bool,
    realm: Option<String>,
    #[cfg(feature = "login")]
    revocations: Option<crate::revocation::Revocations>,
    #[cfg(feature = "login")]
    sessions: Option<crate::session::Sessions>,
    #[cfg(feature = "login")]
    renewal: Option<crate::login::Logins>,
    metadata: Option<ResourceMetadata>,
    subject_in_spans: bool,
    #[cfg(feature = "cache")]
    cache: Option<TokenCache>,
}

impl<C: DeserializeOwned> AuthenticatorBuilder<C> {
    pub(crate) fn new() -> Self {
        Self {
            keys: None,
            issuers: Vec::new(),
            #[cfg(feature = "remote")]
            tenants: None,
            sources: Vec::new(),
            cross_site: CrossSite::default(),
            validation: Validation::new(),
            max_token_len: 16 * 1024,
            checks: Checks::none(),
            scopes: Vec::new(),
            roles: Vec::new(),
            clock: Arc::new(SystemClock),
            optional: false,
            realm: None,
            #[cfg(feature = "login")]
            revocations: None,
            #[cfg(feature = "login")]
            sessions: None,
            #[cfg(feature = "login")]
            renewal: None,
            metadata: None,
            subject_in_spans: false,
            #[cfg(feature = "cache")]
            cache: None,
        }
    }

    /// The keys that are trusted: a [`KeySet`](crate::KeySet), one [`VerifyingKey`](crate::VerifyingKey),
    /// [`LiveKeys`](crate::LiveKeys) that are replaced as it runs, or a `RemoteKeySet` that is fetched. Required, unless [`trust`](Self::trust) brings some.
    #[must_use]
    pub fn keys(mut self, keys: impl Into<KeySource>) -> Self {
        self.keys = Some(keys.into());
        self
    }

    /// Trusts one more issuer, with keys and expectations of its own. The unverified `iss` of a token selects among
    /// those who are trusted, before anything else is done with it; a token of nobody trusted costs no signature.
    ///
    /// What is expected of every token ([`audience`](Self::audience), [`typ`](Self::typ), …) is said here once; an
    /// issuer may say otherwise for its own tokens.
    ///
    /// ```
    /// # use jwt_core::{Authenticator, KeySet, TrustedIssuer};
    /// # let (ours, partner) = (KeySet::hs256([1; 32])?, KeySet::hs256([2; 32])?);
    /// let auth = Authenticator::<()>::builder()
    ///     .trust(TrustedIssuer::new("https://login.example.com", ours))
    ///     .trust(TrustedIssuer::new("https://partner.example.net", partner).audience("https://api.example.com"))
    ///     .audience("api")
    ///     .build()?;
    /// # let _ = auth;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn trust(mut self, issuer: TrustedIssuer) -> Self {
        self.issuers.push(issuer);
        self
    }

    /// Trusts issuers that are not known beforehand, such as the tenants of a provider; see [`Tenants`](crate::Tenants).
    #[cfg(feature = "remote")]
    #[must_use]
    pub fn trust_tenants(mut self, tenants: issuers::tenants::Tenants) -> Self {
        self.tenants = Some(tenants);
        self
    }

    /// Expects `iss` to be this, and thereby requires it. Called again, any of them. Compared byte for byte.
    #[must_use]
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.validation.issuers.push(issuer.into().into_boxed_str());
        self
    }

    /// Expects `aud` to be or to hold this, and thereby requires it. Called again, any of them. Required, unless
    /// [`any_audience`](Self::any_audience) says otherwise.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.validation.audiences.push(audience.into().into_boxed_str());
        self
    }

    /// Accepts tokens whoever they were made for, and tokens that do not say. Right where an issuer signs for this
    /// service alone; elsewhere every service that gets a token can use it here.
    #[must_use]
    pub fn any_audience(mut self) -> Self {
        self.validation.any_audience = true;
        self
    }

    /// Expects the `typ` header to be this, and thereby requires it; `at+jwt` for access tokens of RFC 9068. Called
    /// again, any of them. Compared without regard to case or to a leading `application/` (RFC 7515 §4.1.9).
    #[must_use]
    pub fn typ(mut self, typ: impl Into<String>) -> Self {
        self.validation.types.push(typ.into().into_boxed_str());
        self
    }

    /// Takes the access tokens of RFC 9068 and no others: `typ` is `at+jwt`, and `iss`, `exp`, `aud`, `sub`, `client_id`,
    /// `iat` and `jti` are there. An [`issuer`](Self::issuer) and an [`audience`](Self::audience) are needed. An ID token
    /// is refused.
    #[must_use]
    pub fn access_token_profile(mut self) -> Self {
        self.validation.profile = Profile::AccessToken;
        self
    }

    /// Requires a claim of that name, whatever its value. Called again, all of them.
    #[must_use]
    pub fn required_claim(mut self, name: impl Into<Arc<str>>) -> Self {
        self.validation.required.push(name.into());
        self
    }

    /// Accepts tokens without `exp`: whoever gets hold of one can use it for as long as its key is trusted. An `exp`
    /// that is there is checked all the same.
    #[must_use]
    pub fn dangerous_allow_tokens_without_expiry(mut self) -> Self {
        self.validation.expiry_required = false;
        self
    }

    /// Accepts tokens that are bound to a key of their client (`cnf`: RFC 7800, DPoP of RFC 9449, mutual TLS of RFC 8705)
    /// without proof of that key: a stolen one is as good as the client's. Right where the proof is checked elsewhere,
    /// by a proxy that ends mutual TLS or by a [`check`](Self::check).
    #[must_use]
    pub fn dangerous_allow_bound_tokens(mut self) -> Self {
        self.validation.bound_allowed = true;
        self
    }

    /// How far the clocks of issuer and service may differ: added to the life of a token at both ends. 30 seconds.
    #[must_use]
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.validation.leeway = leeway;
        self
    }

    /// Refuses tokens that were issued longer ago than this, plus the leeway, and thereby requires `iat`. None.
    #[must_use]
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.validation.max_age = Some(max_age);
        self
    }

    /// A check of the application, made last. Its reason goes to the log and, typed, into
    /// [`TokenError::Check`](crate::TokenError::Check); the client learns no more than that the token is not valid.
    ///
    /// ```
    /// # use jwt_core::{Authenticator, KeySet};
    /// #[derive(serde::Deserialize)]
    /// struct User {
    ///     tenant: String,
    /// }
    ///
    /// #[derive(Debug, thiserror::Error)]
    /// #[error("tenant is locked")]
    /// struct Locked;
    ///
    /// let auth = Authenticator::<User>::builder()
    ///     .keys(KeySet::hs256(b"a secret of at least thirty-two bytes")?)
    ///     .audience("api")
    ///     .check(|token| if token.tenant == "acme" { Err(Locked) } else { Ok(()) })
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn check<E: Error + Send + Sync + 'static>(
        mut self,
        check: impl Fn(&VerifiedToken<C>) -> Result<(), E> + Send + Sync + 'static,
    ) -> Self {
        self.checks.add(check);
        self
    }

    /// Where in the claims the scopes are that a guard asks for. Called again, any of the places. None.
    ///
    /// ```
    /// # use jwt_core::{Authenticator, KeySet, RealmAccess, Scopes};
    /// #[derive(serde::Deserialize)]
    /// struct User {
    ///     #[serde(default)]
    ///     scope: Scopes,
    ///     #[serde(default)]
    ///     realm_access: RealmAccess,
    /// }
    ///
    /// let auth = Authenticator::<User>::builder()
    ///     .keys(KeySet::hs256(b"a secret of at least thirty-two bytes")?)
    ///     .audience("api")
    ///     .scopes(|user| &user.scope)
    ///     .roles(|user| &user.realm_access)
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn scopes<G: Grants + ?Sized>(mut self, place: impl Fn(&C) -> &G + Send + Sync + 'static) -> Self {
        self.scopes.push(Box::new(move |claims, name| place(claims).grants(name)));
        self
    }

    /// Where in the claims the roles are that a guard asks for. Called again, any of the places. None.
    #[must_use]
    pub fn roles<G: Grants + ?Sized>(mut self, place: impl Fn(&C) -> &G + Send + Sync + 'static) -> Self {
        self.roles.push(Box::new(move |claims, name| place(claims).grants(name)));
        self
    }

    /// A place where a token may stand. The first call replaces the default, further ones add. Bearer.
    #[must_use]
    pub fn source(mut self, source: TokenSource) -> Self {
        self.sources.push(source);
        self
    }

    /// An origin whose pages may send unsafe requests with the token in a cookie: exactly what their browser writes
    /// into `Origin`, such as `https://app.example.com`. Called again, each of them. None.
    ///
    /// A token that came from a [cookie](TokenSource::cookie) is good for GET, HEAD, OPTIONS and TRACE whoever asks.
    /// With every other method, and with a WebSocket handshake, `Sec-Fetch-Site` must be `same-origin` or `none`, or
    /// else `Origin` a trusted one. A request without `Sec-Fetch-Site` passes if its `Origin` is trusted or of the host
    /// that the request is for, and one without either passes as well, since no browser of today sends it;
    /// [`origin_required`](Self::origin_required) says otherwise. What is refused is
    /// [`AuthError::CrossSite`](crate::AuthError::CrossSite).
    ///
    /// ```
    /// # use jwt_core::{Authenticator, KeySet, TokenSource, Verdict};
    /// let auth = Authenticator::<()>::builder()
    ///     .keys(KeySet::hs256(b"a secret of at least thirty-two bytes")?)
    ///     .audience("api")
    ///     .source(TokenSource::cookie("__Host-access_token"))
    ///     .trusted_origin("https://app.example.com")
    ///     .build()?;
    ///
    /// let forged = http::Request::post("/transfer")
    ///     .header("cookie", "__Host-access_token=a.b.c")
    ///     .header("sec-fetch-site", "cross-site")
    ///     .header("origin", "https://evil.example")
    ///     .body(())?;
    /// let Verdict::Rejected(error) = auth.authenticate(&forged) else { panic!("it is forged") };
    /// assert_eq!(auth.answer(&error).status, 403);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn trusted_origin(mut self, origin: impl Into<String>) -> Self {
        self.cross_site.trusted.push(origin.into().into_boxed_str());
        self
    }

    /// Refuses unsafe requests with the token in a cookie that carry neither `Sec-Fetch-Site` nor `Origin`: those of
    /// browsers before 2020, and of clients that are none. Off.
    #[must_use]
    pub fn origin_required(mut self) -> Self {
        self.cross_site.origin_required = true;
        self
    }

    /// Serves requests with the token in a cookie whichever page they come from: any page of the web can then act in
    /// the name of whoever looks at it, unless something else keeps the cookie from being sent.
    #[must_use]
    pub fn dangerous_allow_cross_site_requests(mut self) -> Self {
        self.cross_site.allowed = true;
        self
    }

    /// Requires `X-CSRF-Token` of unsafe requests with the token in a cookie, beside what
    /// [`trusted_origin`](Self::trusted_origin) says of them. None.
    #[cfg(feature = "login")]
    #[must_use]
    pub fn csrf(mut self, tokens: &CsrfTokens) -> Self {
        self.cross_site.tokens = Some(tokens.clone());
        self
    }

    /// Serves requests without a token as anonymous. A token that is there and not good is refused all the same.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// The `realm` of the challenge (RFC 9110 §11.5): printable ASCII without `"` and `\`. None.
    #[must_use]
    pub fn realm(mut self, realm: impl Into<String>) -> Self {
        self.realm = Some(realm.into());
        self
    }

    /// Records the subject of a verified token as `auth.subject` in the span around a request, beside `auth.outcome`,
    /// `auth.issuer` and `auth.reason`, where the span has such fields (feature `tracing`). Off, since it is personal data
    /// that would go wherever the log goes.
    #[must_use]
    pub fn subject_in_spans(mut self) -> Self {
        self.subject_in_spans = true;
        self
    }

    /// Says in every challenge where this metadata of the resource is (RFC 9728 §5.1), so that a client finds out by
    /// itself where to get a token. None.
    #[must_use]
    pub fn resource_metadata(mut self, metadata: &ResourceMetadata) -> Self {
        self.metadata = Some(metadata.clone());
        self
    }

    /// The longest token that is looked at, in bytes. 16 KiB.
    #[must_use]
    pub fn max_token_len(mut self, bytes: usize) -> Self {
        self.max_token_len = bytes;
        self
    }

    /// Keeps proved tokens, so that a token that comes again costs next to nothing. See [`TokenCache`] for what is
    /// checked all the same. Off.
    #[cfg(feature = "cache")]
    #[must_use]
    pub fn cache(mut self, bound: TokenCache) -> Self {
        self.cache = Some(bound);
        self
    }

    /// Refuses tokens that are on this list, cached ones too. A token is known by its `jti`, which
    /// [`required_claim`](Self::required_claim) can demand, and by its `sub` and `iat`. None.
    #[cfg(feature = "login")]
    #[must_use]
    pub fn revocations(mut self, revocations: &crate::revocation::Revocations) -> Self {
        self.revocations = Some(revocations.clone());
        self
    }

    /// Accepts the tokens of these sessions, looked up in their store at every request, beside JWTs. Without
    /// [`keys`](Self::keys) and whatever else brings some, accepts nothing else. None.
    ///
    /// Sources, checks, scopes and roles, and what concerns cross-site requests, are the same for both. What is expected
    /// of the claims of a JWT is not expected of a session, which nobody else can have made.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use jwt_core::{Authenticator, LoginCookies, MemoryStore, NewSignIn, Sessions};
    ///
    /// #[derive(serde::Serialize, serde::Deserialize)]
    /// struct User {
    ///     name: String,
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let sessions = Sessions::builder(Arc::new(MemoryStore::new())).build()?;
    /// let cookies = LoginCookies::builder().access_name("__Host-session").build()?;
    /// let auth = Authenticator::<User>::builder().sessions(&sessions).source(cookies.source()).build()?;
    ///
    /// // At login:
    /// let (token, session) = sessions.start(NewSignIn::new("alice", &User { name: "Alice".into() })?).await?;
    /// let headers = cookies.set_session(&token, &session);
    /// # let _ = headers;
    ///
    /// // At every request, by the middleware:
    /// let user = auth.verifier().verify_async(&token).await?;
    /// assert_eq!((user.name.as_str(), user.subject()), ("Alice", Some("alice")));
    /// # Ok(()) }
    /// ```
    ///
    /// A session that has ended is a 401; a store that does not answer is a 503,
    /// [`Unavailable::Store`](crate::Unavailable::Store).
    #[cfg(feature = "login")]
    #[must_use]
    pub fn sessions(mut self, sessions: &crate::session::Sessions) -> Self {
        self.sessions = Some(sessions.clone());
        self
    }

    /// Where the present time comes from. [`SystemClock`].
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Renews logins of these on the way of a request.
    #[cfg(feature = "login")]
    pub(crate) fn renewal(mut self, tokens: &crate::login::Logins) -> Self {
        self.renewal = Some(tokens.clone());
        self
    }

    #[cfg(feature = "login")]
    pub(crate) fn shared_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The authenticator, or what is wrong with it.
    pub fn build(mut self) -> Result<Authenticator<C>, ConfigError> {
        let mut challenges = Challenges::new(self.realm.as_deref())?;
        if let Some(metadata) = &self.metadata {
            challenges = challenges.with_metadata(metadata.url());
        }
        if self.sources.is_empty() {
            self.sources.push(TokenSource::bearer());
        }
        for (index, source) in self.sources.iter().enumerate() {
            source.check()?;
            if self.sources[..index].contains(source) {
                return Err(ConfigError::DuplicateSource);
            }
        }
        self.cross_site.check_config()?;
        let (sources, optional) = (std::mem::take(&mut self.sources), self.optional);
        let subject_in_spans = self.subject_in_spans;
        let cross_site = std::mem::take(&mut self.cross_site);
        let caching = Caching::of(&sources, optional);
        #[cfg(feature = "login")]
        let renewal = self.renewal.take();
        let verifier = self.verifier(challenges.clone())?;
        Ok(Authenticator::new(Inner {
            sources,
            cross_site,
            verifier,
            optional,
            subject_in_spans,
            challenges,
            caching,
            #[cfg(feature = "login")]
            renewal,
        }))
    }

    /// A verifier for the ID tokens of a login with OpenID Connect, for the client of that identifier, or what is wrong
    /// with it. Every rule of Core 1.0 §3.1.3.7 is behind it; an [`AuthenticationRequest`](crate::AuthenticationRequest)
    /// brings those that differ from login to login.
    ///
    /// An [`issuer`](Self::issuer) is needed. A token that is for others as well is refused, unless they are named by
    /// [`audience`](Self::audience). What concerns requests (sources, realm, optional) plays no part.
    pub fn build_id_token_verifier(mut self, client_id: impl Into<String>) -> Result<IdTokenVerifier<C>, ConfigError> {
        let client_id = client_id.into().into_boxed_str();
        self.validation.audiences.push(client_id.clone());
        self.validation.profile = Profile::IdToken { client_id };
        #[cfg(feature = "login")]
        {
            self.sessions = None;
        }
        self.build_verifier().map(IdTokenVerifier::new)
    }

    /// The verifier alone, or what is wrong with it. What concerns requests (sources, origins, realm, optional) plays no part.
    pub fn build_verifier(self) -> Result<Verifier<C>, ConfigError> {
        self.verifier(Challenges::new(None)?)
    }

    fn verifier(self, challenges: Challenges) -> Result<Verifier<C>, ConfigError> {
        if self.max_token_len < 64 {
            return Err(ConfigError::TokenLimit);
        }
        #[cfg(feature = "login")]
        if let Some(revocations) = &self.revocations
            && revocations.leeway() < self.validation.leeway
        {
            return Err(ConfigError::RevocationLeeway);
        }
        let trusted = issuers::trusted(
            self.keys,
            self.issuers,
            #[cfg(feature = "remote")]
            self.tenants,
            self.validation,
            #[cfg(feature = "login")]
            self.sessions.is_some(),
        )?;
        let authority = Authority { scopes: self.scopes, roles: self.roles, challenges };
        let verifier = Verifier::new(trusted, self.max_token_len, self.checks, self.clock, authority);
        #[cfg(feature = "login")]
        let verifier = verifier.with_revocations(self.revocations).with_sessions(self.sessions);
        #[cfg(feature = "cache")]
        let verifier = verifier.with_cache(self.cache);
        Ok(verifier)
    }
}

impl<C> fmt::Debug for AuthenticatorBuilder<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticatorBuilder")
            .field("keys", &self.keys)
            .field("issuers", &self.issuers)
            .field("sources", &self.sources)
            .field("cross_site", &self.cross_site)
            .field("validation", &self.validation)
            .field("optional", &self.optional)
            .field("realm", &self.realm)
            .field("metadata", &self.metadata)
            .finish_non_exhaustive()
    }
}
