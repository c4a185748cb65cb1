//! The port to whoever remembers the names of tenants from one run to the next.

/// Remembers the names of tenants that have sent good tokens, so that they are not strangers after a restart. Names only:
/// keys are fetched again, and the rule is asked again. Given to [`Tenants::remember`](super::Tenants::remember).
///
/// [`TenantFile`](super::TenantFile) is one. `StoredTenants` (feature `login`) keeps them where the application keeps its
/// sign-ins, such as in Redis. Two runs at once may share one.
///
/// The methods are called on the path of requests, once for each tenant and run: what takes longer than a write to a file
/// is handed over to a task. They do not fail: a name that is not remembered is a stranger after the next restart, and
/// nothing worse.
pub trait TenantMemory: Send + Sync {
    /// The names that were added and not removed, the last added last, at least the last `at_most` of them: all that an
    /// authenticator makes use of, which may be dropped beyond that. Called when it is built.
    fn names(&self, at_most: usize) -> Vec<String>;

    /// A token of that issuer was verified for the first time in this run.
    fn add(&self, issuer: &str);

    /// The issuer is not trusted any more.
    fn remove(&self, issuer: &str);
}
