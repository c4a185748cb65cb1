//! Issuers that are trusted by a rule: the tenants of a provider.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{OpenIssuers, TrustedIssuer};
use crate::address::is_secure;
use crate::error::{AuthError, AuthenticatorBuildError, TokenError, Unavailable};
use crate::key::{KeySource, KeyStatus, RemoteKeySet, Source};
use crate::observe::log;
use crate::verify::{Failure, Party, Validation};

/// How long an issuer that could not be reached is not asked again.
const PAUSE: Duration = Duration::from_secs(60);

/// Issuers that are trusted by a rule instead of by a list: the tenants of a provider. Given to
/// [`AuthenticatorBuilder::trust_tenants`](crate::AuthenticatorBuilder::trust_tenants).
///
/// The keys of a tenant are discovered when its first token comes; that request waits for them. An issuer that the rule
/// does not cover costs no network. Since strangers can make up names that it does cover, what they can cause is bounded:
/// [so many](Self::max_new_per_minute) new tenants per minute, [so many](Self::max_tenants) kept, and a tenant without
/// keys is not asked for again within a minute. Tenants with keys are not affected by any of that, unless more than the
/// maximum of them are in use.
///
/// ```
/// use jwt_core::{Tenants, TrustedIssuer};
///
/// let by_address = Tenants::template("https://login.example.com/{tenant}/v2.0");
/// let customers = ["acme", "umbrella"];
/// let by_rule = Tenants::matching(move |issuer| {
///     let tenant = issuer.strip_prefix("https://login.example.com/")?;
///     customers.contains(&tenant).then(|| TrustedIssuer::discover(issuer).audience(format!("api-{tenant}")))
/// });
/// # let _ = (by_address, by_rule);
/// ```
#[derive(Clone)]
pub struct Tenants {
    #[expect(clippy::type_complexity, reason = "it is what `matching` takes")]
    rule: Arc<dyn Fn(&str) -> Option<TrustedIssuer> + Send + Sync>,
    template: Option<Template>,
    bound: usize,
    max_new_per_minute: u32,
}

/// A template, and whether it can be used.
#[derive(Clone)]
struct Template {
    text: Box<str>,
    is_sound: bool,
}

impl TrustedIssuer {
    /// The issuer of that name, whose keys are discovered; see
    /// [`RemoteKeySet::discover`](crate::RemoteKeySet::discover).
    pub fn discover(name: impl Into<String>) -> Self {
        let name = name.into();
        let keys = RemoteKeySet::discover(name.clone());
        Self::new(name, keys)
    }
}

impl Tenants {
    /// Issuers that the rule makes a [`TrustedIssuer`] of. It is asked with an unverified `iss` of at most 1 024 bytes,
    /// on the path of a request: it must not block.
    pub fn matching(rule: impl Fn(&str) -> Option<TrustedIssuer> + Send + Sync + 'static) -> Self {
        Self { rule: Arc::new(rule), template: None, bound: 1000, max_new_per_minute: 60 }
    }

    /// Issuers whose name has letters, digits, `-`, `_` and `.` in the place of `{tenant}`, and whose keys are
    /// discovered.
    pub fn template(template: impl Into<String>) -> Self {
        let template = template.into();
        let parts = template.split_once("{tenant}").map(|(before, after)| (before.to_owned(), after.to_owned()));
        // Whatever a tenant is called, it has no say in the host.
        let is_sound = parts.as_ref().is_some_and(|(before, after)| {
            let uri = before.parse::<http::Uri>();
            let host_is_fixed = before.split_once("://").is_some_and(|(_, rest)| rest.contains('/'));
            uri.is_ok_and(|uri| is_secure(&uri)) && host_is_fixed && !after.contains("{tenant}")
        });
        let rule = move |issuer: &str| {
            let (before, after) = parts.as_ref()?;
            let tenant = issuer.strip_prefix(before.as_str())?.strip_suffix(after.as_str())?;
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
            let is_name = !tenant.is_empty() && tenant.bytes().all(plain) && tenant.bytes().any(|byte| byte != b'.');
            is_name.then(|| TrustedIssuer::discover(issuer))
        };
        Self { template: Some(Template { text: template.into(), is_sound }), ..Self::matching(rule) }
    }

    /// The most tenants whose keys are kept. 1 000.
    #[must_use]
    pub fn max_tenants(mut self, tenants: usize) -> Self {
        self.bound = tenants.max(1);
        self
    }

    /// The most tenants that are looked up for the first time within a minute. 60.
    #[must_use]
    pub fn max_new_per_minute(mut self, tenants: u32) -> Self {
        self.max_new_per_minute = tenants.max(1);
        self
    }
}

impl fmt::Debug for Tenants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tenants")
            .field("max_tenants", &self.bound)
            .field("max_new_per_minute", &self.max_new_per_minute)
            .finish_non_exhaustive()
    }
}

impl Tenants {
    /// With what is expected of everybody.
    pub(crate) fn expecting(self, common: &Validation) -> Result<Box<dyn OpenIssuers>, AuthenticatorBuildError> {
        match &self.template {
            Some(Template { text, is_sound: false }) => {
                return Err(AuthenticatorBuildError::Template { template: text.clone() });
            }
            // It says nothing of its own on what is expected; a rule may. Its issuers each have a name.
            Some(_) => drop(Validation { issuers: vec!["{tenant}".into()], ..common.clone() }.checked()?),
            None => {}
        }
        Ok(Box::new(Known { tenants: self, common: common.clone(), state: Mutex::default() }))
    }
}

/// The tenants that have sent a token.
struct Known {
    tenants: Tenants,
    common: Validation,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    known: HashMap<Box<str>, Tenant>,
    /// When the present minute began, and how many tenants were new in it.
    minute: Option<(Instant, u32)>,
}

struct Tenant {
    party: Arc<Party>,
    last_seen: Instant,
}

impl OpenIssuers for Known {
    fn party(&self, issuer: &str, _client: Option<IpAddr>, forget: &dyn Fn()) -> Result<Arc<Party>, Failure> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if let Some(tenant) = state.known.get_mut(issuer) {
            tenant.last_seen = now;
            return Ok(tenant.party.clone());
        }
        let mut trusted =
            (self.tenants.rule)(issuer).filter(|trusted| *trusted.name == *issuer).ok_or(TokenError::Issuer)?;
        state.count_new(now, self.tenants.max_new_per_minute)?;
        if let Source::Fetched(feed) = &trusted.keys.0 {
            trusted.keys = KeySource(Source::Fetched(feed.on_demand(PAUSE)));
        }
        // Where what the rule made cannot be used, nobody is trusted by mistake.
        let party = trusted.party(&self.common).map_err(|error| {
            log::unusable_tenant(&error);
            TokenError::Issuer
        })?;
        let party = Arc::new(party);
        if state.known.len() >= self.tenants.bound {
            state.make_room();
            forget();
        }
        state.known.insert(issuer.into(), Tenant { party: party.clone(), last_seen: now });
        Ok(party)
    }

    fn bound(&self) -> usize {
        self.tenants.bound
    }

    fn key_status(&self) -> Vec<KeyStatus> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let all = state.known.values().filter_map(|tenant| tenant.party.key_status());
        all.filter(|status| status.fetches > 0).collect()
    }
}

impl State {
    fn count_new(&mut self, now: Instant, limit: u32) -> Result<(), Failure> {
        let minute = Duration::from_secs(60);
        let (begun, new) = self.minute.filter(|(begun, _)| now < *begun + minute).unwrap_or((now, 0));
        if new >= limit {
            let retry_after = (begun + minute).saturating_duration_since(now);
            return Err(Failure::Refused(AuthError::Unavailable(Unavailable::Keys { retry_after })));
        }
        self.minute = Some((begun, new + 1));
        Ok(())
    }

    /// Those without keys go first, then the one that was not seen for the longest time.
    fn make_room(&mut self) {
        let before = self.known.len();
        self.known.retain(|_, tenant| tenant.party.trust.keys.current().is_some());
        if self.known.len() == before
            && let Some(oldest) =
                self.known.iter().min_by_key(|(_, tenant)| tenant.last_seen).map(|(name, _)| name.clone())
        {
            self.known.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_covers_names_and_nothing_that_only_looks_like_one() {
        let tenants = Tenants::template("https://login.example.com/{tenant}/v2.0");
        for tenant in ["acme", "a-b_c.d", "72f988bf-86f1-41af-91ab-2d7cd011db47"] {
            assert!((tenants.rule)(&format!("https://login.example.com/{tenant}/v2.0")).is_some(), "{tenant}");
        }
        for issuer in [
            "https://login.example.com//v2.0",
            "https://login.example.com/a/b/v2.0",
            "https://login.example.com/../v2.0",
            "https://login.example.com/./v2.0",
            "https://login.example.com/a?x/v2.0",
            "https://login.example.com/a#/v2.0",
            "https://login.example.com/a%2fb/v2.0",
            "https://login.example.com/acme/v2.0/",
            "https://login.example.com.evil.example/acme/v2.0",
            "http://login.example.com/acme/v2.0",
            "https://login.example.com/v2.0",
        ] {
            assert!((tenants.rule)(issuer).is_none(), "{issuer}");
        }
    }

    #[test]
    fn a_template_that_would_let_a_tenant_choose_the_host_is_refused() {
        let common = Validation { any_audience: true, ..Validation::new() };
        let check = |template: &str| Tenants::template(template).expecting(&common).err();
        for template in
            ["https://login.example.com/{tenant}", "http://127.0.0.1:8080/{tenant}", "http://[::1]/{tenant}"]
        {
            assert_eq!(check(template), None, "{template}");
        }
        for template in [
            "https://{tenant}.example.com/",
            "https://a.example/",
            "{tenant}",
            "https://a.example/{tenant}/{tenant}",
            "http://127.0.0.1.evil.example/{tenant}",
            "http://login.example.com/{tenant}",
        ] {
            let expected = AuthenticatorBuildError::Template { template: template.into() };
            assert_eq!(check(template), Some(expected), "{template}");
        }
    }
}
