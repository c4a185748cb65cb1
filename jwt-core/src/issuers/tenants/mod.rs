//! Issuers that are trusted by a rule: the tenants of a provider; and who remembers them from one run to the next.

mod budget;
mod file;
mod known;
mod log;
mod member;
mod memory;
mod refusals;
#[cfg(feature = "login")]
mod stored;
mod template;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

pub use file::{TenantFile, TenantFileError};
pub use memory::TenantMemory;
#[cfg(feature = "login")]
pub use stored::StoredTenants;

use super::{OpenIssuers, TrustedIssuer};
use crate::config_error::Given;
use crate::error::AuthenticatorBuildError;
use crate::key::RemoteKeySet;
use crate::verify::Validation;
use known::Known;
use template::Template;

/// Issuers that are trusted by a rule instead of by a list: the tenants of a provider. Given to
/// [`AuthenticatorBuilder::trust_tenants`](crate::AuthenticatorBuilder::trust_tenants).
///
/// The keys of a tenant are discovered when its first token comes; that request waits for them. An issuer that the rule
/// does not cover is answered with 401 and costs no network.
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
///
/// # What strangers can cause
///
/// The `iss` of a token is read before anything of it is verified: strangers can make up names that the rule covers. What
/// they can cause is bounded, for each authenticator:
///
/// | setting | default | reason |
/// |---|---|---|
/// | [`max_tenants`](Self::max_tenants) | 1 000 | tenants that have sent a good token, whose keys are kept and fetched again |
/// | [`max_new_per_minute`](Self::max_new_per_minute) | 60 | names that the provider knows; each is fetched again until it makes room |
/// | [`max_unconfirmed_per_minute`](Self::max_unconfirmed_per_minute) | 120 requests | what names that it does not know cost the provider |
/// | [`recheck_interval`](Self::recheck_interval) | 1 minute | how long a tenant is trusted that the rule does not cover any more |
/// | [`remember`](Self::remember) | in this process | which tenants are no strangers after a restart |
/// | look-ups under way | 32, and 4 for one client | a provider that is slow |
/// | the share of one client | an eighth of the requests, at least 3 | others are served beside a client that floods |
/// | tenants that were found and have sent no good token | 64, the oldest makes room | tenants that exist and are nobody's customers |
/// | names that were refused | 4 096 | memory |
///
/// - **A tenant that has sent a good token** is kept. It makes room only for another one that has, the one first whose last
///   good token is longest ago, whether that was verified or came from the cache. If its keys are not at hand, as after a
///   restart with [`remember`](Self::remember), they are fetched without regard to what strangers have used up, 32 tenants
///   of a host at a time. Where that fails, it is tried again after 5 seconds at the earliest, and after a minute at the latest, when a token
///   comes.
/// - **A name that nobody knows** is looked up if there is room: with one request where tenants of the same host have sent
///   good tokens, at the place where their metadata is, and from the third time on elsewhere too; otherwise at all of the
///   two or three places where metadata can be. What the provider confirms counts as new, and what it does not confirm
///   counts as unconfirmed.
/// - **A name that the provider does not know** (400, 404, 410, or metadata of somebody else) is answered with 401 for a
///   minute. It is not looked up again within that minute, within 2 minutes when that repeats, then 4, then 5; past the
///   first minute the answer is 503, since it may exist by then.
/// - **A name that could not be looked up** because the provider failed is answered with 503 for a minute.
/// - **Without room, the answer is 503** with `Retry-After` of at most a minute, never 401. No `Retry-After` that is said
///   because of tenants is longer than five minutes.
///
/// Which requests come from one client is known where the application puts a
/// [`ClientAddress`](crate::adapter::ClientAddress) into them: an address of IPv4, or 48 bits of one of IPv6. Without it, a
/// flood of made-up names uses up what is there for unknown names, and only tenants that have sent a good token before are
/// not affected.
///
/// # Tenants that leave
///
/// The rule is asked again within the [`recheck_interval`](Self::recheck_interval), cached tokens included. What it says
/// of a tenant counts from then on: nothing, other expectations, other keys. [`remove`](Self::remove) refuses a tenant at
/// once. Clones share what was removed; a clone that gets other settings afterwards shares nothing.
#[derive(Clone)]
#[cfg_attr(feature_labels, doc(cfg(feature = "remote")))]
pub struct Tenants {
    settings: Settings,
    template: Option<Template>,
    given: Given,
    handles: Arc<Mutex<Handles>>,
}

type Rule = dyn Fn(&str) -> Option<TrustedIssuer> + Send + Sync;

#[derive(Clone)]
struct Settings {
    rule: Arc<Rule>,
    max_tenants: usize,
    max_new_per_minute: u32,
    max_unconfirmed_per_minute: u32,
    recheck_interval: Duration,
    memory: Option<Arc<dyn TenantMemory>>,
}

/// What the clones share.
#[derive(Default)]
struct Handles {
    removed: HashSet<Box<str>>,
    running: Vec<Weak<Known>>,
}

#[cfg_attr(feature_labels, doc(cfg(feature = "remote")))]
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
    /// Issuers that the rule makes a [`TrustedIssuer`] of. It is asked with an unverified `iss` of at most 1 024 bytes, on
    /// the path of a request: it must not block. One that takes long makes that request wait, and no other. Where it
    /// panics, that request is answered with 503.
    ///
    /// It is asked again while a tenant is in use, and costs least where it makes the same every time: keys with the same
    /// settings, or clones of one [`KeySet`](crate::KeySet).
    pub fn matching(rule: impl Fn(&str) -> Option<TrustedIssuer> + Send + Sync + 'static) -> Self {
        let settings = Settings {
            rule: Arc::new(rule),
            max_tenants: 1000,
            max_new_per_minute: 60,
            max_unconfirmed_per_minute: 120,
            recheck_interval: Duration::from_secs(60),
            memory: None,
        };
        Self { settings, template: None, given: Given::default(), handles: Arc::default() }
    }

    /// Issuers whose name has letters, digits, `-`, `_` and `.` in the place of `{tenant}`, and whose keys are
    /// discovered. `{tenant}` is there once, behind the host. The address is https, or http to this machine, without user
    /// name, query and fragment.
    pub fn template(template: impl Into<String>) -> Self {
        let template = Template::new(template.into());
        let rule = template.clone();
        Self { template: Some(template), ..Self::matching(move |issuer| rule.covers(issuer)) }
    }

    fn set(mut self, setting: &'static str, change: impl FnOnce(&mut Settings)) -> Self {
        self.given.once(setting);
        change(&mut self.settings);
        // With other settings, these are others than those that they were cloned from.
        self.handles = Arc::default();
        self
    }

    /// The most tenants that are kept: their keys, where they have sent a good token, and their names. 1 000.
    #[must_use]
    pub fn max_tenants(self, tenants: usize) -> Self {
        self.set("max_tenants", |settings| settings.max_tenants = tenants.max(1))
    }

    /// The most names within a minute that the provider confirms for the first time. Names that have sent a good token
    /// before do not count, and neither do names that it does not confirm; look-ups that are under way are finished. 60.
    #[must_use]
    pub fn max_new_per_minute(self, tenants: u32) -> Self {
        self.set("max_new_per_minute", |settings| settings.max_new_per_minute = tenants.max(1))
    }

    /// The most requests to providers within a minute for names that they do not confirm. Half of them can be used at once,
    /// and come back within a minute. 120, and not less than what one look-up takes: up to 3 twice a minute.
    #[must_use]
    pub fn max_unconfirmed_per_minute(self, requests: u32) -> Self {
        self.set("max_unconfirmed_per_minute", |settings| settings.max_unconfirmed_per_minute = requests)
    }

    /// How long a tenant is trusted at most after the rule has said yes for the last time. From half of that time on, one
    /// request asks it again; after all of it, each does until it answers. Zero: asked for every token. 1 minute.
    #[must_use]
    pub fn recheck_interval(self, time: Duration) -> Self {
        self.set("recheck_interval", |settings| settings.recheck_interval = time)
    }

    /// Remembers the names of tenants that have sent good tokens, so that they are served at once after a restart whatever
    /// strangers do: in a [`TenantFile`], in `StoredTenants` (feature `login`), or in a [`TenantMemory`] of your own. In
    /// this process only.
    #[must_use]
    pub fn remember(self, memory: impl TenantMemory + 'static) -> Self {
        self.set("remember", |settings| settings.memory = Some(Arc::new(memory)))
    }

    /// Refuses the tokens of that issuer from now on, cached ones included, whatever the rule says: in every authenticator
    /// that was given this value or a clone of it, or will be. It is not remembered after a restart: let the rule say no as
    /// well.
    ///
    /// ```
    /// # use jwt_core::{Authenticator, Tenants};
    /// let tenants = Tenants::template("https://login.example.com/{tenant}/v2.0");
    /// let auth = Authenticator::<()>::builder().trust_tenants(tenants.clone()).audience("api").build()?;
    /// // When a customer leaves:
    /// tenants.remove("https://login.example.com/acme/v2.0");
    /// # let _ = auth;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn remove(&self, issuer: &str) {
        for known in self.change(|removed| removed.insert(issuer.into())) {
            known.remove(issuer);
        }
    }

    /// Takes back a [`remove`](Self::remove): the rule decides again.
    pub fn restore(&self, issuer: &str) {
        for known in self.change(|removed| removed.remove(issuer)) {
            known.restore(issuer);
        }
    }

    fn handles(&self) -> MutexGuard<'_, Handles> {
        self.handles.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes who is removed. Yields who is to be told, and whoever is built from now on knows.
    fn change(&self, change: impl FnOnce(&mut HashSet<Box<str>>) -> bool) -> Vec<Arc<Known>> {
        let mut handles = self.handles();
        change(&mut handles.removed);
        handles.running.iter().filter_map(Weak::upgrade).collect()
    }

    /// With what is expected of everybody.
    pub(crate) fn expecting(self, common: &Validation) -> Result<Arc<dyn OpenIssuers>, AuthenticatorBuildError> {
        if let Some(setting) = self.given.twice() {
            return Err(AuthenticatorBuildError::SetTwice { setting });
        }
        if let Some(template) = &self.template {
            template.check()?;
            // It says nothing of its own on what is expected; a rule may. Its issuers each have a name.
            drop(Validation { issuers: vec!["{tenant}".into()], ..common.clone() }.checked()?);
        }
        let memory = self.settings.memory.as_ref();
        let names = memory.map(|memory| memory.names(self.settings.max_tenants)).unwrap_or_default();
        let mut handles = self.handles();
        let known = Known::new(self.settings.clone(), common.clone(), names, handles.removed.clone());
        handles.running.retain(|known| known.strong_count() > 0);
        handles.running.push(Arc::downgrade(&known));
        Ok(known)
    }
}

impl fmt::Debug for Tenants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tenants")
            .field("template", &self.template)
            .field("max_tenants", &self.settings.max_tenants)
            .field("max_new_per_minute", &self.settings.max_new_per_minute)
            .field("max_unconfirmed_per_minute", &self.settings.max_unconfirmed_per_minute)
            .field("recheck_interval", &self.settings.recheck_interval)
            .finish_non_exhaustive()
    }
}
