//! The settings of an authenticator, and what is wrong with them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::Authenticator;
use super::renewal::Renewal;
use super::settings::{MakeApplication, Settings};
use crate::claims::ClaimsType;
use crate::clock::Clock;
use crate::error::{AuthenticatorBuildError, CheckOutcome, RegisteredClaim};
use crate::issuers::TrustedIssuer;
use crate::key::KeySource;
use crate::metadata::ResourceMetadata;
use crate::request::csrf_token::CsrfTokens;
use crate::request::source::TokenSource;
use crate::verify::{
    Application, Checks, CredentialKind, Grants, IdTokenVerifier, Lookup, Profile, VerifiedToken, Verifier,
};

/// Builds an [`Authenticator`] or, for bare tokens, a [`Verifier`]. Only keys and an audience have no default. A setting that
/// has one value is given once; a second call is an error.
///
/// | setting | default | reason |
/// |---|---|---|
/// | [`keys`](Self::keys) | none: an error | nothing can be verified without |
/// | [`audience`](Self::audience) | none: an error | a token made for another service must not open this one (RFC 8725 §3.9) |
/// | [`issuer`](Self::issuer) | any | the keys already say who can have signed; name it wherever several issuers share keys |
/// | [`source`](Self::source) | bearer | the only one that a browser does not send by itself |
/// | [`trusted_origin`](Self::trusted_origin) | none: the same origin only | a token in a cookie is sent by whichever page the browser shows |
/// | `exp` | required | a token without an end is a password |
/// | `cnf` | refused without a proof of that key, or that certificate | a token that is bound to a key is no bearer token (RFC 9449 §7.2) |
/// | [`public_origin`](Self::public_origin) | the host of the request | only the application knows what stands in front |
/// | [`trusted_proxies`](Self::trusted_proxies) | none | a header field says what whoever sent it likes |
/// | [`require_dpop`](Self::require_dpop) | off | most clients have bearer tokens |
/// | [`require_bound_tokens`](Self::require_bound_tokens) | off | the same |
/// | [`fapi2`](Self::fapi2) | off | most services need no more than the defaults |
/// | ID tokens | refused | they say who has logged in, and open no API (RFC 8725 §3.12) |
/// | `nbf` | checked where present | RFC 7519 §4.1.5 |
/// | [`leeway`](Self::leeway) | 30 seconds | clocks of synchronized machines differ by less |
/// | [`typ`](Self::typ) | any | many issuers leave it out; name it where yours does not |
/// | [`access_token_profile`](Self::access_token_profile) | off | many issuers' access tokens do not follow RFC 9068 |
/// | [`max_age`](Self::max_age) | none | the issuer has said it by `exp` |
/// | [`max_token_len`](Self::max_token_len) | 16 KiB | what servers take as a request head |
/// | [`scopes`](Self::scopes), [`roles`](Self::roles) | nowhere | every issuer has them elsewhere |
/// | `cache` (feature `cache`) | off | it keeps tokens in memory, which an application should decide on |
/// | `sessions` (feature `login`) | none | a JWT needs no store |
/// | `introspect` (feature `introspection`) | none | a JWT needs no question to its issuer |
/// | `revocations` (feature `login`) | none | there is nothing to remember until something is revoked |
/// | [`resource_metadata`](Self::resource_metadata) | none | only the application knows its address |
/// | [`grpc`](Self::grpc) | off | a refusal with the status 200 is a yes to everybody who does not speak gRPC |
/// | [`subject_in_spans`](Self::subject_in_spans) | off | it is personal data, and logs are kept |
/// | [`optional`](Self::optional) | off | a protected route refuses |
pub struct AuthenticatorBuilder<C> {
    pub(crate) settings: Settings,
    checks: Checks<C>,
    scopes: Vec<Lookup<C>>,
    roles: Vec<Lookup<C>>,
}

impl<C> AuthenticatorBuilder<C> {
    pub(crate) fn new() -> Self {
        Self { settings: Settings::default(), checks: Checks::none(), scopes: Vec::new(), roles: Vec::new() }
    }

    /// The keys that are trusted: a [`KeySet`](crate::KeySet), one [`VerifyingKey`](crate::VerifyingKey),
    /// [`LiveKeys`](crate::LiveKeys) that are replaced as it runs, or a `RemoteKeySet` that is fetched. Required, unless
    /// [`trust`](Self::trust) brings some.
    #[must_use]
    pub fn keys(mut self, keys: impl Into<KeySource>) -> Self {
        self.settings.given.once("keys");
        self.settings.trusting.keys = Some(keys.into());
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
        self.settings.trusting.issuers.push(issuer);
        self
    }

    /// Expects `iss` to be this, and requires it. Called again, any of them. Compared byte for byte.
    #[must_use]
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.settings.validation.issuers.push(issuer.into().into_boxed_str());
        self
    }

    /// One more name under which the issuer writes tokens with the same keys, as Google writes `accounts.google.com` for
    /// `https://accounts.google.com`. Called again, any of them. Keys that are discovered go on being those of the issuer
    /// itself, under its own name.
    ///
    /// [`issuer`](crate::VerifiedToken::issuer) is what the token says. Whoever keeps users by issuer and subject has to
    /// treat the names as one.
    #[must_use]
    pub fn issuer_alias(mut self, name: impl Into<String>) -> Self {
        self.settings.trusting.aliases.push(name.into().into_boxed_str());
        self
    }

    /// Expects `aud` to be or to hold this, and requires it. Called again, any of them. Required, unless
    /// [`any_audience`](Self::any_audience) says otherwise.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.settings.validation.audiences.push(audience.into().into_boxed_str());
        self
    }

    /// Accepts tokens whoever they were made for, and tokens that do not say. Right where an issuer signs for this
    /// service alone; elsewhere every service that gets a token can use it here.
    #[must_use]
    pub fn any_audience(mut self) -> Self {
        self.settings.validation.any_audience = true;
        self
    }

    /// Expects the `typ` header to be this, and requires it; `at+jwt` for access tokens of RFC 9068. Called
    /// again, any of them. Compared without regard to case or to a leading `application/` (RFC 7515 §4.1.9).
    #[must_use]
    pub fn typ(mut self, typ: impl Into<String>) -> Self {
        self.settings.validation.types.push(typ.into().into_boxed_str());
        self
    }

    /// Takes the access tokens of RFC 9068 and no others: `typ` is `at+jwt`, and `iss`, `exp`, `aud`, `sub`, `client_id`,
    /// `iat` and `jti` are there. An [`issuer`](Self::issuer) and an [`audience`](Self::audience) are needed. An ID token
    /// is refused.
    #[must_use]
    pub fn access_token_profile(mut self) -> Self {
        self.settings.validation.profile = Profile::AccessToken;
        self
    }

    /// Requires a claim of that name, whatever its value. Called again, all of them.
    #[must_use]
    pub fn required_claim(mut self, name: impl Into<Arc<str>>) -> Self {
        self.settings.validation.required.push(name.into());
        self
    }

    /// Accepts tokens without `exp`: whoever gets hold of one can use it for as long as its key is trusted. An `exp`
    /// that is there is checked all the same.
    #[must_use]
    pub fn dangerous_allow_tokens_without_expiry(mut self) -> Self {
        self.settings.validation.expiry_required = false;
        self
    }

    /// Accepts tokens that are bound to a key of their client (`cnf`: RFC 7800, DPoP of RFC 9449, mutual TLS of RFC 8705) as
    /// bearer tokens too, without proof of possession of that key: a stolen one is as good as the client's. Right where the proof is checked elsewhere,
    /// by a proxy that ends mutual TLS or by a [`check`](Self::check).
    #[must_use]
    pub fn dangerous_allow_bound_tokens(mut self) -> Self {
        self.settings.validation.bound_allowed = true;
        self
    }

    /// Accepts ID tokens: tokens with `at_hash`, `c_hash`, `s_hash` or `nonce`, or with `auth_time` and `azp` and neither
    /// a scope nor `client_id`. Whoever logs in anywhere with this issuer can then use this service, and so can every
    /// application that they log in to, where the audience is the same. Right for services whose clients have nothing
    /// else, such as those behind Google's Identity-Aware Proxy. An access token that has such a claim, as those of Keycloak
    /// before version 24 have `nonce`, needs it as well.
    #[must_use]
    pub fn dangerous_accept_id_tokens(mut self) -> Self {
        self.settings.validation.id_tokens_allowed = true;
        self
    }

    /// Accepts null for a registered claim, which then counts as absent, and a whole number where `iss`, `sub` or `jti` is a
    /// text, which is then the text of its digits: `token.subject()` is `"42"` for `"sub": 42`, and the field `sub` of the
    /// claims may be a number or a text. So the subjects `42` and `"42"` are one, which matters where somebody can choose
    /// theirs. What is null is refused where the claim is required, as `exp` and an expected `aud` are; every other type is
    /// refused as ever. Called again, each of the claims. None.
    #[must_use]
    pub fn dangerous_allow_mistyped_claim(mut self, claim: RegisteredClaim) -> Self {
        self.settings.validation.mistyped_allowed.insert(claim);
        self
    }

    /// Accepts tokens whose parts are padded with `=`, as the load balancers of AWS write them: all three, and the signature
    /// is that of the padded text. Then one token may have two spellings, so that a list of refused tokens has to know them
    /// by `jti` and not by their text. Everything else that RFC 7515 §2 forbids is refused as ever.
    #[must_use]
    pub fn dangerous_allow_padded_tokens(mut self) -> Self {
        self.settings.validation.padding_allowed = true;
        self
    }

    /// How far the clocks of issuer and service may differ: added to the life of a token at both ends. 30 seconds.
    #[must_use]
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.settings.given.once("leeway");
        self.settings.validation.leeway = leeway;
        self
    }

    /// Refuses tokens that were issued longer ago than this, plus the leeway, and requires `iat`. None.
    #[must_use]
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.settings.given.once("max_age");
        self.settings.validation.max_age = Some(max_age);
        self
    }

    /// A check of the application, made last: a closure that returns a `bool`, an `Option<()>` or a `Result<(), E>`. Its
    /// reason goes to the log and, typed, into [`TokenError::Check`](crate::error::TokenError::Check); the client learns no
    /// more than that the token is not valid.
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
    pub fn check<O: CheckOutcome>(mut self, check: impl Fn(&VerifiedToken<C>) -> O + Send + Sync + 'static) -> Self {
        self.settings.checked = true;
        self.checks.add(check);
        self
    }

    /// Where in the claims the scopes are that a guard asks for. Called again, any of the places. None.
    ///
    /// ```
    /// # use jwt_core::{Authenticator, KeySet, Scopes, guard::RealmAccess};
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

    /// Treats whoever has the scope as one who has the implied scope too, and what that implies in its turn. A challenge names
    /// the scope that was asked for. None.
    ///
    /// ```
    /// # use jwt_core::{Authenticator, KeySet, Scopes};
    /// # #[derive(serde::Deserialize)]
    /// # struct User {
    /// #     scope: Scopes,
    /// # }
    /// let auth = Authenticator::<User>::builder()
    ///     .keys(KeySet::hs256(b"a secret of at least thirty-two bytes")?)
    ///     .audience("api")
    ///     .scopes(|user| &user.scope)
    ///     .scope_implies("admin", "write")
    ///     .scope_implies("write", "read") // so `admin` implies `read`
    ///     .build()?;
    /// # let _ = auth;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn scope_implies(mut self, scope: impl AsRef<str>, implied: impl AsRef<str>) -> Self {
        self.settings.hierarchy.add(scope.as_ref(), implied.as_ref());
        self
    }

    /// Where in the claims the roles are that a guard asks for. Called again, any of the places. None.
    #[must_use]
    pub fn roles<G: Grants + ?Sized>(mut self, place: impl Fn(&C) -> &G + Send + Sync + 'static) -> Self {
        self.roles.push(Box::new(move |claims, name| place(claims).grants(name)));
        self
    }

    /// A place where a token may be. The first call replaces the default, further ones add. Bearer.
    #[must_use]
    pub fn source(mut self, source: TokenSource) -> Self {
        self.settings.sources.push(source);
        self
    }

    /// Uses the first [source](Self::source), in the order of the calls, that holds a token, and does not look at the rest.
    /// Whoever else reads the request, such as a proxy that logs or limits by user, may see another user in it than this
    /// service does (RFC 6750 §2). A token that is refused is not replaced by the next one, a source that is repeated is
    /// refused, and a token from a cookie is checked against cross-site requests as ever. Off.
    #[must_use]
    pub fn dangerous_allow_several_tokens(mut self) -> Self {
        self.settings.allowed.several_tokens = true;
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
    /// # use jwt_core::{Authenticator, KeySet, TokenSource, adapter::Verdict};
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
        self.settings.cross_site.trusted.push(origin.into().into_boxed_str());
        self
    }

    /// Refuses unsafe requests with the token in a cookie that carry neither `Sec-Fetch-Site` nor `Origin`: those of
    /// browsers before 2020, and of clients that are none. Off.
    #[must_use]
    pub fn origin_required(mut self) -> Self {
        self.settings.cross_site.origin_required = true;
        self
    }

    /// Serves requests with the token in a cookie whichever page they come from: any page of the web can then act in
    /// the name of whoever looks at it, unless something else keeps the cookie from being sent.
    #[must_use]
    pub fn dangerous_allow_cross_site_requests(mut self) -> Self {
        self.settings.cross_site.allowed = true;
        self
    }

    /// Requires `X-CSRF-Token` of unsafe requests with the token in a cookie, beside what
    /// [`trusted_origin`](Self::trusted_origin) says of them. None.
    #[must_use]
    pub fn csrf(mut self, tokens: &CsrfTokens) -> Self {
        self.settings.given.once("csrf");
        self.settings.cross_site.tokens = Some(tokens.clone());
        self
    }

    /// Serves requests without a token as anonymous. A token that is there and not good is refused all the same.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.settings.allowed.no_token = true;
        self
    }

    /// Serves a request with a token that has expired as anonymous, where the authenticator is [optional](Self::optional): a
    /// client that goes on with an old token is not told so. The signature and the issuer of the token have been checked,
    /// and every other token that is not good is refused. Off.
    #[must_use]
    pub fn dangerous_allow_expired_as_anonymous(mut self) -> Self {
        self.settings.allowed.expired = true;
        self
    }

    /// The `realm` of the challenge (RFC 9110 §11.5): printable ASCII without `"` and `\`. None.
    #[must_use]
    pub fn realm(mut self, realm: impl Into<String>) -> Self {
        self.settings.given.once("realm");
        self.settings.realm = Some(realm.into());
        self
    }

    /// Answers calls of gRPC and gRPC-Web in their protocol: HTTP status 200, with `UNAUTHENTICATED` and the like in
    /// `grpc-status`. For layers in front of gRPC services, and for nothing else: whoever goes by the HTTP status, such as a
    /// proxy that asks this layer whether to let a request in, takes 200 for a yes. A call is a POST with the content type
    /// of gRPC, over HTTP/2 unless it is gRPC-Web. Off.
    #[must_use]
    pub fn grpc(mut self) -> Self {
        self.settings.grpc = true;
        self
    }

    /// Records the subject of a verified token as `auth.subject` in the span around a request, beside `auth.outcome`,
    /// `auth.issuer` and `auth.reason`, where the span has such fields (feature `tracing`). Off, since it is personal data
    /// that would go wherever the log goes.
    #[must_use]
    pub fn subject_in_spans(mut self) -> Self {
        self.settings.subject_in_spans = true;
        self
    }

    /// Says in every challenge where this metadata of the resource is (RFC 9728 §5.1), so that a client finds out by
    /// itself where to get a token. None.
    #[must_use]
    pub fn resource_metadata(mut self, metadata: &ResourceMetadata) -> Self {
        self.settings.given.once("resource_metadata");
        self.settings.metadata = Some(metadata.clone());
        self
    }

    /// The longest token that is looked at, in bytes. 16 KiB.
    #[must_use]
    pub fn max_token_len(mut self, bytes: usize) -> Self {
        self.settings.given.once("max_token_len");
        self.settings.max_token_len = Some(bytes);
        self
    }

    /// Where the present time comes from. [`SystemClock`](crate::clock::SystemClock).
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.settings.given.once("clock");
        self.settings.clock = Some(Arc::new(clock));
        self
    }

    /// Accepts tokens of another kind than JWTs, which are looked up. Called again, each of them; the first that recognizes
    /// a token looks it up. Without [`keys`](Self::keys) and whatever else brings some, accepts nothing else. None.
    ///
    /// Sources, checks, scopes and roles, and what concerns cross-site requests, are the same for all kinds. What is
    /// expected of the claims of a JWT is not expected of them.
    #[must_use]
    pub fn credentials(mut self, kind: impl CredentialKind + 'static) -> Self
    where
        C: ClaimsType,
    {
        self.settings.kinds.push(Arc::new(kind));
        self
    }

    /// Renews logins while a request waits.
    #[cfg_attr(not(feature = "login"), expect(dead_code, reason = "only logins are renewed"))]
    pub(crate) fn renewal(mut self, renewal: Renewal) -> Self {
        self.settings.renewal = Some(renewal);
        self
    }

    #[cfg_attr(not(feature = "login"), expect(dead_code, reason = "only an issuer shares its clock"))]
    pub(crate) fn shared_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.settings.clock = Some(clock);
        self
    }

    /// The authenticator, or what is wrong with it.
    pub fn build(self) -> Result<Authenticator<C>, AuthenticatorBuildError>
    where
        C: ClaimsType,
    {
        let (settings, application) = self.parts();
        settings.build(application).map(Authenticator::of)
    }

    /// A verifier for the ID tokens of a login with OpenID Connect, for the client of that identifier, or what is wrong
    /// with it. Every rule of Core 1.0 §3.1.3.7 is behind it; an [`AuthenticationRequest`](crate::verify::AuthenticationRequest)
    /// brings those that differ from login to login.
    ///
    /// An [`issuer`](Self::issuer) is needed. A token that is for others as well is refused, unless they are named by
    /// [`audience`](Self::audience). What concerns requests (sources, realm, optional) plays no part.
    pub fn build_id_token_verifier(
        mut self,
        client_id: impl Into<String>,
    ) -> Result<IdTokenVerifier<C>, AuthenticatorBuildError>
    where
        C: ClaimsType,
    {
        let client_id = client_id.into().into_boxed_str();
        if client_id.is_empty() {
            return Err(AuthenticatorBuildError::EmptyExpectation { setting: "build_id_token_verifier" });
        }
        self.settings.validation.audiences.push(client_id.clone());
        self.settings.validation.profile = Profile::IdToken { client_id };
        self.settings.kinds.clear();
        self.settings.last_kind = None;
        self.build_verifier().map(IdTokenVerifier::new)
    }

    /// The verifier alone, or what is wrong with it. What concerns requests (sources, origins, realm, optional) plays no part.
    pub fn build_verifier(self) -> Result<Verifier<C>, AuthenticatorBuildError>
    where
        C: ClaimsType,
    {
        let (settings, application) = self.parts();
        settings.build_verifier(application).map(Verifier::of)
    }

    fn parts(self) -> (Settings, MakeApplication)
    where
        C: ClaimsType,
    {
        let Self { settings, checks, scopes, roles } = self;
        (settings, Box::new(move |authority| Arc::new(Application { checks, scopes, roles, authority })))
    }
}

impl<C> fmt::Debug for AuthenticatorBuilder<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.settings.fmt(f)
    }
}
