//! Challenges (RFC 9110 §11.6.1): what `WWW-Authenticate` says, made once when an authenticator is built.

use std::fmt;
use std::sync::Arc;

use http::HeaderValue;

use super::Answer;
use crate::error::{AuthError, AuthenticatorBuildError, Denial};

/// An authentication scheme that is accepted, and the parameters that its challenge always has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scheme<'s> {
    pub(crate) name: &'s str,
    /// Such as `algs="ES256"` (RFC 9449 §5.1), separated by commas. Empty for none.
    pub(crate) parameters: &'s str,
}

impl<'s> Scheme<'s> {
    /// RFC 6750 §3.
    pub(crate) const BEARER: Self = Self { name: "Bearer", parameters: "" };

    /// RFC 9449 §7.1.
    pub(crate) const fn dpop(parameters: &'s str) -> Self {
        Self { name: "DPoP", parameters }
    }

    fn is_dpop(&self) -> bool {
        self.name == "DPoP"
    }
}

/// One challenge per accepted scheme, for a request with a bearer token or without any, and for one under the scheme `DPoP`.
pub(super) type ChallengeSet = Arc<[Box<[HeaderValue]>; 2]>;

/// The challenges of one authenticator: for each reason one per accepted scheme, each in a field of its own.
#[derive(Clone)]
pub(crate) struct Challenges {
    missing: ChallengeSet,
    invalid_request: ChallengeSet,
    invalid_token: ChallengeSet,
    insufficient_scope: ChallengeSet,
    step_up: ChallengeSet,
    invalid_proof: ChallengeSet,
    use_nonce: ChallengeSet,
    /// Whether calls of gRPC are answered in their protocol.
    grpc: bool,
}

impl Challenges {
    /// A realm is printable ASCII without `"` and `\`, so that it needs no escape in a quoted string. `metadata` is where
    /// the metadata of the resource is (RFC 9728 §5.1), which needs none either:
    /// [`ResourceMetadata`](crate::metadata::ResourceMetadata) sees to that.
    pub(crate) fn new(
        realm: Option<&str>,
        schemes: &[Scheme<'_>],
        metadata: Option<&str>,
    ) -> Result<Self, AuthenticatorBuildError> {
        let refused = || AuthenticatorBuildError::Realm { realm: realm.unwrap_or_default().into() };
        let valid = |realm: &str| realm.bytes().all(|b| matches!(b, 0x20..=0x21 | 0x23..=0x5B | 0x5D..=0x7E));
        if !realm.is_none_or(valid) {
            return Err(refused());
        }
        let challenges = |error: &str, dpop: bool| -> Result<Box<[HeaderValue]>, AuthenticatorBuildError> {
            // The reason stands in the challenge of the scheme that was used, where that is accepted.
            let used = schemes.iter().position(|scheme| scheme.is_dpop() == dpop).unwrap_or_default();
            let challenge = |(index, scheme): (usize, &Scheme<'_>)| {
                let realm = realm.map(|realm| format!("realm=\"{realm}\""));
                let is_told = !error.is_empty() && index == used;
                let error = is_told.then(|| format!("error=\"{error}\""));
                let own = Some(scheme.parameters).filter(|own| !own.is_empty()).map(str::to_owned);
                let metadata = metadata.map(|url| format!("resource_metadata=\"{url}\""));
                // A scheme, and behind it parameters with commas in between (RFC 9110 §11.6.1).
                let parameters: Vec<String> = [realm, error, own, metadata].into_iter().flatten().collect();
                let space = if parameters.is_empty() { "" } else { " " };
                HeaderValue::try_from(format!("{}{space}{}", scheme.name, parameters.join(", ")))
            };
            schemes.iter().enumerate().map(challenge).collect::<Result<_, _>>().map_err(|_| refused())
        };
        let set = |error, of_proof| {
            let set = [challenges(error, of_proof)?, challenges(error, true)?];
            Ok::<ChallengeSet, AuthenticatorBuildError>(Arc::new(set))
        };
        let with = |error| set(error, false);
        Ok(Self {
            invalid_proof: set("invalid_dpop_proof", true)?,
            use_nonce: set("use_dpop_nonce", true)?,
            missing: with("")?,
            invalid_request: with("invalid_request")?,
            invalid_token: with("invalid_token")?,
            insufficient_scope: with("insufficient_scope")?,
            step_up: with("insufficient_user_authentication")?,
            grpc: false,
        })
    }

    /// With answers in gRPC to calls of gRPC.
    pub(crate) fn with_grpc(self, grpc: bool) -> Self {
        Self { grpc, ..self }
    }

    /// What goes on the wire for an error.
    pub(crate) fn answer(&self, error: &AuthError) -> Answer {
        let answer = self.http_answer(error);
        if self.grpc { answer.offering_grpc() } else { answer }
    }

    fn http_answer(&self, error: &AuthError) -> Answer {
        match error {
            AuthError::MissingToken => Answer::MISSING_TOKEN.challenged(&self.missing),
            AuthError::InvalidToken(_) => Answer::INVALID_TOKEN.challenged(&self.invalid_token),
            AuthError::InvalidProof(error) if error.wants_nonce() => Answer::INVALID_PROOF.challenged(&self.use_nonce),
            AuthError::InvalidProof(_) => Answer::INVALID_PROOF.challenged(&self.invalid_proof),
            AuthError::StepUp(error) => Answer::STEP_UP.challenged(&with_parameters(&self.step_up, error.parameters())),
            AuthError::InvalidRequest(_) => Answer::INVALID_REQUEST.challenged(&self.invalid_request),
            AuthError::Unavailable(unavailable) => Answer::unavailable(unavailable.retry_after()),
            // Without a challenge: no other token would make it better.
            AuthError::CrossSite(_) => Answer::CROSS_SITE,
            AuthError::Forbidden(denial) => Answer::FORBIDDEN.challenged(&self.forbidden(denial)),
            AuthError::NotConfigured(_) => Answer::NOT_CONFIGURED,
        }
    }

    /// RFC 6750 §3 demands a challenge, and §3.1 has one error code for all that goes beyond what the token allows.
    /// `scope` is there only where scopes would help: a client that is told so after a role was missing would ask for a
    /// new token again and again.
    fn forbidden(&self, denial: &Denial) -> ChallengeSet {
        let Denial::Scope(scope) = denial else { return self.insufficient_scope.clone() };
        with_parameters(&self.insufficient_scope, &format!("scope=\"{scope}\""))
    }
}

/// With these parameters in the challenge that has the reason. The guard has seen to it that they need no escape.
fn with_parameters(challenges: &ChallengeSet, parameters: &str) -> ChallengeSet {
    let with = |challenge: &HeaderValue| {
        // No other parameter has such a text in it, since none has a quotation mark.
        if memchr::memmem::find(challenge.as_bytes(), b"error=\"").is_none() {
            return challenge.clone();
        }
        let value = [challenge.as_bytes(), b", ", parameters.as_bytes()].concat();
        HeaderValue::try_from(value).unwrap_or_else(|_| challenge.clone())
    };
    Arc::new(challenges.each_ref().map(|challenges| challenges.iter().map(with).collect()))
}

impl fmt::Debug for Challenges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&*self.missing[0]).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::answer::GrpcStatus;
    use crate::error::{
        CrossSiteError, Misuse, ProofError, RequestError, Shortfall, StepUpError, TokenError, Unavailable,
    };

    fn bearer(realm: Option<&str>, metadata: Option<&str>) -> Challenges {
        Challenges::new(realm, &[Scheme::BEARER], metadata).unwrap()
    }

    fn step_up() -> AuthError {
        StepUpError::new(Shortfall::NoTime, r#"acr_values="gold", max_age="60""#.into()).into()
    }

    fn texts(answer: &Answer) -> Vec<&str> {
        answer.challenges().iter().map(|value| value.to_str().unwrap()).collect()
    }

    fn challenge(realm: Option<&str>, error: &AuthError) -> Option<String> {
        let answer = bearer(realm, None).answer(error);
        assert!(answer.challenges().len() <= 1, "{answer:?}");
        texts(&answer).first().map(|text| (*text).to_owned())
    }

    #[test]
    fn a_missing_token_gets_a_bare_challenge() {
        assert_eq!(challenge(None, &AuthError::MissingToken).as_deref(), Some("Bearer"));
        assert_eq!(challenge(Some("api"), &AuthError::MissingToken).as_deref(), Some("Bearer realm=\"api\""));
    }

    #[test]
    fn an_error_code_follows_the_realm_behind_a_comma() {
        let error = AuthError::InvalidToken(TokenError::Unsecured);
        assert_eq!(challenge(Some("api"), &error).as_deref(), Some("Bearer realm=\"api\", error=\"invalid_token\""));
        let error = AuthError::InvalidRequest(RequestError::Repeated);
        assert_eq!(challenge(None, &error).as_deref(), Some("Bearer error=\"invalid_request\""));
    }

    #[test]
    fn a_needed_scope_follows_the_error_code_and_nothing_else_does() {
        let error = AuthError::Forbidden(Denial::Scope("read:things write".into()));
        assert_eq!(
            challenge(Some("api"), &error).as_deref(),
            Some("Bearer realm=\"api\", error=\"insufficient_scope\", scope=\"read:things write\"")
        );
        let error = AuthError::Forbidden(Denial::Role("admin".into()));
        assert_eq!(challenge(None, &error).as_deref(), Some("Bearer error=\"insufficient_scope\""));
    }

    #[test]
    fn what_is_needed_of_the_authentication_follows_the_error_code_of_the_scheme_that_was_used() {
        let expected =
            r#"Bearer realm="api", error="insufficient_user_authentication", acr_values="gold", max_age="60""#;
        assert_eq!(challenge(Some("api"), &step_up()).as_deref(), Some(expected));
        let challenges = Challenges::new(None, &[Scheme::BEARER, Scheme::dpop("algs=\"ES256\"")], None).unwrap();
        let request = http::Request::get("/").header("authorization", "DPoP a.b.c").body(()).unwrap();
        let expected =
            r#"DPoP error="insufficient_user_authentication", algs="ES256", acr_values="gold", max_age="60""#;
        assert_eq!(texts(&challenges.answer(&step_up()).for_request(&request)), ["Bearer", expected]);
    }

    #[test]
    fn the_metadata_stands_behind_everything_else() {
        let url = "https://api.example.com/.well-known/oauth-protected-resource";
        let missing = bearer(None, Some(url)).answer(&AuthError::MissingToken);
        assert_eq!(texts(&missing), [format!("Bearer resource_metadata=\"{url}\"")]);
        let expired = bearer(Some("api"), Some(url)).answer(&AuthError::InvalidToken(TokenError::Unsecured));
        assert_eq!(
            texts(&expired),
            [format!("Bearer realm=\"api\", error=\"invalid_token\", resource_metadata=\"{url}\"")]
        );
    }

    #[test]
    fn each_accepted_scheme_has_a_challenge_in_a_field_of_its_own() {
        let dpop = Scheme::dpop("algs=\"ES256 EdDSA\"");
        let challenges = Challenges::new(Some("api"), &[Scheme::BEARER, dpop], None).unwrap();
        let missing = challenges.answer(&AuthError::MissingToken);
        assert_eq!(texts(&missing), ["Bearer realm=\"api\"", "DPoP realm=\"api\", algs=\"ES256 EdDSA\""]);
        let denied = challenges.answer(&AuthError::Forbidden(Denial::Scope("read".into())));
        assert_eq!(
            texts(&denied),
            [
                "Bearer realm=\"api\", error=\"insufficient_scope\", scope=\"read\"",
                "DPoP realm=\"api\", algs=\"ES256 EdDSA\"",
            ]
        );
        let request = http::Request::get("/").header("authorization", "DPoP a.b.c").body(()).unwrap();
        assert_eq!(
            texts(&denied.clone().for_request(&request)),
            [
                "Bearer realm=\"api\"",
                "DPoP realm=\"api\", error=\"insufficient_scope\", algs=\"ES256 EdDSA\", scope=\"read\"",
            ]
        );
        let proof = challenges.answer(&AuthError::InvalidProof(ProofError::Missing));
        assert_eq!(
            texts(&proof),
            ["Bearer realm=\"api\"", "DPoP realm=\"api\", error=\"invalid_dpop_proof\", algs=\"ES256 EdDSA\""]
        );
        let response = denied.response();
        assert_eq!(response.headers().get_all("www-authenticate").iter().count(), 2);
    }

    #[test]
    fn a_misuse_says_nothing_on_the_wire() {
        let answer = bearer(None, None).answer(&AuthError::NotConfigured(Misuse::MissingLayer));
        assert_eq!((answer.status.as_u16(), answer.challenges().len()), (500, 0));
        assert!(!answer.body.contains("JwtAuth"));
    }

    #[test]
    fn what_is_unavailable_is_worth_another_try_and_no_challenge() {
        let unavailable = Unavailable::Keys { retry_after: Duration::from_millis(1500) };
        let answer = bearer(None, None).answer(&unavailable.into());
        assert_eq!((answer.status.as_u16(), answer.challenges().len(), answer.retry_after), (503, 0, Some(2)));
    }

    #[test]
    fn a_client_of_grpc_is_told_in_its_status_and_the_challenge_stays() {
        let challenges = bearer(None, None).with_grpc(true);
        let request = http::Request::post("/").version(http::Version::HTTP_2);
        let request = request.header("content-type", "application/grpc+proto").body(()).unwrap();
        let unavailable = Unavailable::Keys { retry_after: Duration::from_secs(5) };
        for (error, status, header) in [
            (AuthError::MissingToken, GrpcStatus::Unauthenticated, Some(("www-authenticate", "Bearer"))),
            (AuthError::InvalidToken(TokenError::Unsecured), GrpcStatus::Unauthenticated, None),
            (AuthError::InvalidRequest(RequestError::Repeated), GrpcStatus::Unauthenticated, None),
            (step_up(), GrpcStatus::Unauthenticated, None),
            (AuthError::Unavailable(unavailable), GrpcStatus::Unavailable, Some(("retry-after", "5"))),
            (AuthError::Forbidden(Denial::Role("admin".into())), GrpcStatus::PermissionDenied, None),
            (AuthError::NotConfigured(Misuse::MissingLayer), GrpcStatus::Internal, None),
        ] {
            let plain = challenges.answer(&error);
            let answer = plain.clone().for_request(&request);
            assert_eq!((plain.grpc_status(), answer.grpc_status()), (status, status), "{error}");
            let response = answer.response();
            assert_eq!((response.status().as_u16(), *response.body()), (200, ""), "{error}");
            assert_eq!(response.headers()["grpc-status"], status.code().to_string(), "{error}");
            assert_eq!(response.headers()["grpc-message"], status.message(), "{error}");
            assert_eq!(response.headers()["content-type"], "application/grpc", "{error}");
            if let Some((name, value)) = header {
                assert_eq!(response.headers()[name], value, "{error}");
            }
            assert_eq!(plain.clone().for_request(&http::Request::new(())).status, plain.status, "{error}");
        }
    }

    #[test]
    fn without_services_of_grpc_a_refusal_is_never_a_success() {
        let request = http::Request::post("/").version(http::Version::HTTP_2);
        let request = request.header("content-type", "application/grpc").body(()).unwrap();
        let answer = bearer(None, None).answer(&AuthError::MissingToken).for_request(&request);
        assert_eq!((answer.status.as_u16(), answer.response().status().as_u16()), (401, 401));
    }

    #[test]
    fn every_body_is_a_problem_document_with_the_status_of_its_answer() {
        let challenges = bearer(None, None);
        for error in [
            AuthError::MissingToken,
            AuthError::InvalidToken(TokenError::Signature),
            step_up(),
            AuthError::InvalidRequest(RequestError::Malformed),
            AuthError::Unavailable(Unavailable::KEYS),
            AuthError::CrossSite(CrossSiteError::OriginMissing),
            AuthError::Forbidden(Denial::Role("admin".into())),
            AuthError::NotConfigured(Misuse::MissingLayer),
        ] {
            let response = challenges.answer(&error).response();
            let document: serde_json::Value = serde_json::from_str(response.body()).unwrap();
            assert_eq!(document["status"], response.status().as_u16());
            assert_eq!(document["title"], response.status().canonical_reason().unwrap());
            assert_eq!(response.headers()["content-type"], "application/problem+json");
            assert_eq!(response.headers()["cache-control"], "no-store");
        }
    }

    #[test]
    fn a_realm_that_would_break_out_of_its_quotes_is_refused() {
        for realm in ["a\"b", "a\\b", "a\r\nb", "ü"] {
            let expected = AuthenticatorBuildError::Realm { realm: realm.into() };
            assert_eq!(Challenges::new(Some(realm), &[Scheme::BEARER], None).err(), Some(expected), "{realm:?}");
        }
    }
}
